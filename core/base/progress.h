#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace imgb {

/// What long work tells whoever watches. Libraries emit these; only `cli` draws them.
/// `activity` numbers are given by Progress::begin and name one step, transfer or other piece of work to its end.
namespace event {
struct Started {
  std::string label;
};  ///< "[stage-1 2/5] RUN make", "pulling busybox:latest"
struct Log {
  std::string bytes;
};  ///< Output of a RUN step, raw and unclipped.
struct Bytes {
  std::string what;
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;
};  ///< e.g. one layer's download
struct Note {
  std::string text;
};  ///< One line about this activity.
enum class Outcome { done, cached, failed, cancelled };
struct Finished {
  Outcome outcome = Outcome::done;
  std::string error;
};
struct Warning {
  std::string text;
};  ///< For the user, whatever is shown of the rest.
}  // namespace event
using Event = std::variant<event::Started, event::Log, event::Bytes, event::Note, event::Finished, event::Warning>;

/// Thread-safe; cannot fail a build.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void emit(int activity, Event event) noexcept = 0;
  virtual int next_activity() noexcept = 0;

  void warn(std::string text) noexcept { emit(0, event::Warning{std::move(text)}); }
};

/// Started when made, Finished when destroyed: `cancelled` unless done(), cached() or failed() was said before.
class Activity {
 public:
  Activity(Progress& progress, std::string label) : progress_(&progress), number_(progress.next_activity()) {
    progress.emit(number_, event::Started{std::move(label)});
  }
  Activity(const Activity&) = delete;
  ~Activity() { finish({event::Outcome::cancelled, {}}); }
  int number() const { return number_; }
  void log(std::string bytes) noexcept { progress_->emit(number_, event::Log{std::move(bytes)}); }
  void note(std::string text) noexcept { progress_->emit(number_, event::Note{std::move(text)}); }
  void bytes(std::string what, std::uint64_t done, std::optional<std::uint64_t> total) noexcept {
    progress_->emit(number_, event::Bytes{std::move(what), done, total});
  }
  void done() noexcept { finish({event::Outcome::done, {}}); }
  void cached() noexcept { finish({event::Outcome::cached, {}}); }
  void failed(std::string error) noexcept { finish({event::Outcome::failed, std::move(error)}); }

 private:
  void finish(event::Finished how) noexcept {
    if (open_) progress_->emit(number_, std::move(how));
    open_ = false;
  }
  Progress* progress_;
  int number_;
  bool open_ = true;
};

/// Hears nothing.
class NoProgress : public Progress {
 public:
  void emit(int, Event) noexcept override {}
  int next_activity() noexcept override { return 1; }
};

}  // namespace imgb
