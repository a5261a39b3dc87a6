#include "cli/env.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "cli/errors.h"
#include "cli/flags.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

void Globals::describe(Flags& flags) {
  flags.text(root, "root", "FOLDER", "Where images are kept (IMGB_ROOT)").completes = Completes::folder;
  flags.choice(progress, "progress", {"auto", "plain", "tty", "json", "rawjson", "quiet", "none"},
               "How progress is shown");
  flags.boolean(debug, "D,debug", "Show more about failures");
}

namespace {

/// What little there is free; "" when there is plenty: then it was another disk, an output's.
std::string what_is_scarce(const Dir& store) {
  constexpr std::uint64_t kPlentyBytes = 512ULL << 20, kPlentyInodes = 1000;
  std::uint64_t inodes = store.free_inodes().value_or(kPlentyInodes), bytes = store.free_bytes();
  if (inodes < kPlentyInodes) return fmt::format("{} inodes", inodes);
  return bytes < kPlentyBytes ? render_size(bytes) : "";
}

}  // namespace

CliEnv::CliEnv(Globals globals) : globals_(std::move(globals)), user_(::geteuid()) {}
CliEnv::~CliEnv() { close_screen(); }

std::filesystem::path CliEnv::root() const {
  if (globals_.root) return *globals_.root;
  if (std::string root = environment("IMGB_ROOT"); !root.empty()) return root;
  if (user_ == 0) return "/var/lib/imgb";
  if (std::string data = environment("XDG_DATA_HOME"); !data.empty() && data[0] == '/') return data + "/imgb";
  std::string home = environment("HOME");
  if (home.empty())
    throw Error(ErrorKind::usage, "no place for images: HOME is not set").set_hint("give --root or set IMGB_ROOT");
  return home + "/.local/share/imgb";
}

Store& CliEnv::store() {
  if (!store_) store_.emplace(Store::open(root()));
  return *store_;
}

Progress& CliEnv::progress() {
  if (!screen_) {
    std::string mode = globals_.progress;
    if (mode.empty()) mode = environment("BUILDKIT_PROGRESS");
    screen_ = make_screen(mode, describe_terminal(STDERR_FILENO));
  }
  return *screen_;
}

std::stop_token CliEnv::stop() { return watch_signals({SIGINT, SIGTERM, SIGHUP}).token(); }

SignalWatch& CliEnv::watch_signals(std::initializer_list<int> signals) {
  if (!signals_) signals_ = std::make_unique<SignalWatch>(signals);
  return *signals_;
}

void CliEnv::print(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<std::size_t>(written));
    else if (errno == EPIPE)
      throw Error(ErrorKind::cancelled, "");
    else if (errno != EINTR)
      throw_errno("writing the result to standard output");
  }
}

void CliEnv::print_line(std::string_view text) { print(std::string(text) + "\n"); }

void CliEnv::tell(std::string_view line) { write_error_text(printable(line, 16 * 1024) + "\n"); }

void CliEnv::close_screen() noexcept {
  if (screen_) screen_->close();
}

std::string CliEnv::hint_for(const std::exception& failure) const noexcept {
  try {
    if (is_in_the_way(failure, root().string()))
      return "that is not what imgb keeps there: move it away, and it is made anew";
    if (!is_out_of_space(failure)) return "";
    std::string free = what_is_scarce(Dir::open_host(root()));
    if (free.empty()) return "";
    return fmt::format(
        "the disk of the store {} has {} free: imgb prune frees what nothing needs, --root names another",
        root().string(), free);
  } catch (const std::exception&) {
    return "";  // a hint is not worth an error
  }
}

int CliEnv::stop_signal() const { return signals_ ? signals_->first_signal() : 0; }

}  // namespace imgb
