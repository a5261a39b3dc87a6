#include <unistd.h>

#include <algorithm>
#include <limits>

#include "cli/commands.h"
#include "cli/host_flags.h"
#include "cli/terminal.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/containers.h"

namespace imgb {
namespace {

/// One stream of a log on its way to one of ours: the program's bytes as they are, but harmless where a terminal would
/// obey them and the program had none of its own.
class LogStream {
 public:
  LogStream(int fd, bool had_terminal, bool timestamps)
      : fd_(fd),
        clean_(describe_terminal(fd).is_tty && !had_terminal),
        timestamps_(timestamps),
        cleaner_(describe_terminal(fd).color, false) {}

  void write(CliEnv& env, const LogRecord& record) {
    if (!clean_ && !timestamps_) return put(env, record.bytes);
    if (clean_) {
      last_ = record;
      cleaner_.feed(record.bytes, [&](const std::string& line) { put(env, stamp(record) + line + "\n"); });
      return;
    }
    std::string_view rest = record.bytes;
    while (!rest.empty()) {
      std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
      put(env, (at_line_start_ ? stamp(record) : "") + std::string(rest.substr(0, end)));
      at_line_start_ = rest[end - 1] == '\n';
      rest.remove_prefix(end);
    }
  }

  void finish(CliEnv& env) {
    cleaner_.finish([&](const std::string& line) { put(env, stamp(last_) + line + "\n"); });
  }

 private:
  std::string stamp(const LogRecord& record) const { return timestamps_ ? render_rfc3339(record.time) + " " : ""; }
  void put(CliEnv& env, std::string_view text) const {
    if (fd_ == STDOUT_FILENO)
      env.print(text);
    else
      write_error_text(text);
  }

  int fd_;
  bool clean_, timestamps_, at_line_start_ = true;
  LineCleaner cleaner_;
  LogRecord last_;
};

class Logs : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(follow_, "f,follow", "Wait for more until the container ends");
    flags.text(since_, "since", "TIME", "Only what was written since: 10m ago, or a time as 2026-01-31T12:00:00Z");
    flags.text(until_, "until", "TIME", "Only what was written before");
    flags.text(tail_, "n,tail", "LINES", "Only the last lines");
    flags.boolean(timestamps_, "t,timestamps", "Show when each line was written");
    flags.argument(container_, "CONTAINER").completes = Completes::container;
  }

  int run(CliEnv& env) override {
    if (since_) range_.begin = parse_moment(*since_, "--since");
    if (until_) range_.end = parse_moment(*until_, "--until");
    Containers containers(env.store().folder("containers"));
    Container container = containers.get(container_);
    LogStream out(STDOUT_FILENO, container.config.tty, timestamps_),
        err(STDERR_FILENO, container.config.tty, timestamps_);
    auto show = [&](const LogRecord& record) {
      (record.stream == ContainerOwner::Stream::out ? out : err).write(env, record);
    };
    std::uint64_t skip = lines_to_skip(containers, container.config.id);
    read_log(containers, container.config.id, follow_, follow_ ? env.stop() : std::stop_token(), [&](LogRecord record) {
      if (!range_.contains(record.time)) return;
      drop_lines(record.bytes, skip);
      if (!record.bytes.empty()) show(record);
    });
    out.finish(env);
    err.finish(env);
    return 0;
  }

 private:
  static std::uint64_t count_lines(std::string_view bytes) {
    return static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  }

  // Lines are counted once to know which are the last: a log is read twice rather than held.
  std::uint64_t lines_to_skip(const Containers& containers, const std::string& id) const {
    if (!tail_ || *tail_ == "all") return 0;
    auto wanted = find_unsigned(*tail_);
    if (!wanted) throw_error(ErrorKind::usage, "--tail is a number or all, not {:?}", printable(*tail_));
    std::uint64_t lines = 0;
    bool unfinished = false;
    read_log(containers, id, false, {}, [&](const LogRecord& record) {
      if (!range_.contains(record.time)) return;
      lines += count_lines(record.bytes);
      unfinished = !record.bytes.empty() && record.bytes.back() != '\n';
    });
    lines += unfinished;
    return lines > *wanted ? lines - *wanted : 0;
  }

  static void drop_lines(std::string& bytes, std::uint64_t& skip) {
    while (skip > 0 && !bytes.empty()) {
      std::size_t end = bytes.find('\n');
      if (end == std::string::npos) return bytes.clear();
      bytes.erase(0, end + 1);
      --skip;
    }
  }

  struct Range {
    Nanoseconds begin = std::numeric_limits<Nanoseconds>::min(), end = std::numeric_limits<Nanoseconds>::max();
    bool contains(Nanoseconds time) const { return begin <= time && time < end; }
  };

  bool follow_ = false, timestamps_ = false;
  Range range_;
  std::optional<std::string> tail_, since_, until_;
  std::string container_;
};

}  // namespace

Command logs_command() { return {"logs", "Show what a container wrote", make_verb<Logs>}; }

}  // namespace imgb
