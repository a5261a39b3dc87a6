#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/store/file_lock.h"
#include "sandbox/container_files.h"
#include "sandbox/containers.h"

namespace imgb {
namespace {

/// Tells when a file has changed, or the time to look at other things has come.
class Watch {
 public:
  explicit Watch(const Fd& file) : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (!inotify_) throw_errno("watching the container's log");
    // Both: the last lines are written before the writer closes, and it closes before it lets the lock go.
    if (::inotify_add_watch(inotify_.get(), fmt::format("/proc/self/fd/{}", file.get()).c_str(),
                            IN_MODIFY | IN_CLOSE_WRITE) < 0)
      throw_errno("watching the container's log");
  }
  void wait() {
    pollfd ready{inotify_.get(), POLLIN, 0};
    constexpr int kLookAtStopMilliseconds = 200;
    if (::poll(&ready, 1, kLookAtStopMilliseconds) < 0 && errno != EINTR) throw_errno("watching the container's log");
    std::byte events[4096];
    while (ready.revents && ::read(inotify_.get(), events, sizeof events) > 0) continue;
  }

 private:
  Fd inotify_;
};

/// Gives all whole records that are there now.
void read_on(const Fd& log, std::string& buffer, const std::function<void(const LogRecord&)>& record) {
  std::byte chunk[64 * 1024];
  while (std::size_t got = read_some(log, chunk, "the container's log")) {
    buffer.append(as_text(std::span(chunk).first(got)));
    take_log_records(buffer, record);
  }
}

}  // namespace

namespace {

bool is_same_file(const Fd& a, const Fd& b) {
  struct stat of_a {
  }, of_b{};
  if (::fstat(a.get(), &of_a) < 0 || ::fstat(b.get(), &of_b) < 0) throw_errno("looking at the container's log");
  return of_a.st_ino == of_b.st_ino && of_a.st_dev == of_b.st_dev;
}

std::optional<Fd> first_log(const Dir& home) {
  auto old = home.find_file(kContainerOldLogFile, O_RDONLY);
  return old ? std::move(old) : home.find_file(kContainerLogFile, O_RDONLY);
}

/// The file that was begun when `log` was full; nullopt while that is the newest.
std::optional<Fd> next_log(const Dir& home, const Fd& log) {
  auto newest = home.find_file(kContainerLogFile, O_RDONLY);
  if (!newest || is_same_file(*newest, log)) return std::nullopt;
  auto old = home.find_file(kContainerOldLogFile, O_RDONLY);
  return old && !is_same_file(*old, log) ? std::move(old) : std::move(newest);
}

bool is_over(const Dir& home) {
  try {
    return FileLock::try_take(home, kContainerLockFile, FileLock::Mode::shared).has_value();
  } catch (const SystemError& e) {
    if (e.errno_value() == ENOENT) return true;  // removed meanwhile
    throw;
  }
}

}  // namespace

void read_log(const Containers& containers, std::string_view id, bool follow, std::stop_token stop,
              const std::function<void(const LogRecord&)>& record) {
  Dir home = containers.folder_of(id);
  std::string buffer;
  for (auto log = first_log(home); log;) {
    std::optional<Watch> watch;
    if (follow) watch.emplace(*log);
    for (;;) {
      // Asked before the reading: what was written before the end, or before the next file, is then read after it.
      bool over = !follow || is_over(home);
      auto next = next_log(home, *log);
      read_on(*log, buffer, record);
      if (next) {
        log = std::move(next);
        break;
      }
      if (over || stop.stop_requested()) return;
      watch->wait();
    }
  }
}

}  // namespace imgb
