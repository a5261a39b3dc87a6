#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/store/store.h"

namespace imgb {

class Flags;
class Screen;
class SignalWatch;

/// Flags that every verb has.
struct Globals {
  std::optional<std::string> root;  ///< --root, else IMGB_ROOT, else the default place.
  std::string progress;             ///< "" means auto.
  bool debug = false;
  void describe(Flags& flags);
};

/// Value of an environment variable; empty and absent are one.
std::string environment(const char* name);

/// What a verb works with. Everything is made at its first use, so that a verb pays for what it needs.
class CliEnv {
 public:
  explicit CliEnv(Globals globals);
  ~CliEnv();

  const Globals& globals() const { return globals_; }
  std::filesystem::path root() const;
  /// Who typed the command, as it was when this was made: inside a user namespace everyone is 0.
  unsigned user() const { return user_; }
  Store& store();
  Progress& progress();
  /// Turns the drawing of progress off or into something else; before the first progress().
  void set_progress(std::string mode) { globals_.progress = std::move(mode); }
  /// Stops at SIGINT, SIGTERM and SIGHUP; a second one ends the process. Call it before threads are made.
  std::stop_token stop();
  /// The watch behind stop(), made for `signals` when it is not there yet.
  SignalWatch& watch_signals(std::initializer_list<int> signals);

  /// The result: standard output. A reader that went away ends the process quietly.
  void print(std::string_view text);
  void print_line(std::string_view text);
  /// For people, on standard error; control characters are made harmless.
  void tell(std::string_view line);
  /// Draws what is left and gives the terminal back. Called by main before an error is printed.
  void close_screen() noexcept;
  /// What only who knows the store can tell: that its disk is full, or that something is in its way; "" otherwise.
  std::string hint_for(const std::exception& failure) const noexcept;
  int stop_signal() const;  ///< That stopped us; 0: none.

 private:
  Globals globals_;
  unsigned user_;
  std::optional<Store> store_;
  std::unique_ptr<Screen> screen_;
  std::unique_ptr<SignalWatch> signals_;
};

/// Calls `body` with an activity that is shown as `label` and ends as the call does.
template <class Body>
auto while_showing(CliEnv& env, std::string label, Body body) {
  Activity activity(env.progress(), std::move(label));
  try {
    auto result = body(activity);
    activity.done();
    return result;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::cancelled) activity.failed(e.what());
    throw;
  }
}

}  // namespace imgb
