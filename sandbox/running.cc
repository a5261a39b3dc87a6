#include "sandbox/running.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/stop_event.h"
#include "core/base/text.h"
#include "layerfs/mount_stubs.h"
#include "sandbox/control.h"
#include "sandbox/plan.h"
#include "sandbox/procfs.h"
#include "sandbox/spawner.h"

namespace imgb {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kGrace{1000};  ///< Between SIGTERM and SIGKILL when a step is cancelled.
constexpr std::size_t kOutputChunk = 64 * 1024;
/// What a pipe can hold at most when its writers are dead; more comes from someone who got away with the other end.
constexpr std::size_t kMaxLeftover = 1 << 20;

int milliseconds_until(std::optional<Clock::time_point> deadline) {
  if (!deadline) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

/// Reads once what is there. False: end of file, or nothing there.
bool read_into(int from, Sink& sink, std::vector<std::byte>& buffer) {
  ssize_t size = ::read(from, buffer.data(), buffer.size());
  if (size <= 0) return size < 0 && errno == EINTR;
  sink.write(std::span(buffer).first(static_cast<std::size_t>(size)));
  return true;
}

}  // namespace

Running::State::~State() {
  if (pid < 0) return;
  if (!over) {
    kill_all();
    pollfd ended{pidfd.get(), POLLIN, 0};
    while (::poll(&ended, 1, -1) < 0 && errno == EINTR) continue;
  }
  remove_traces();
  let_go();
}

void Running::State::let_go() noexcept {
  cgroup.reset();
  if (spawner) spawner->let_go(pid);
  pid = -1;
}

void Running::State::kill_all() const noexcept {
  // Who is inside sees the end, and takes the processes with it.
  if (joiner || confined) ::shutdown(control.get(), SHUT_WR);
  if (!confined) ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

void Running::State::send_signal(int number) const noexcept {
  ::syscall(SYS_pidfd_send_signal, main.get(), number, nullptr, 0);
}

void Running::State::raise_limits(const std::vector<ResourceLimit>& limits) const {
  for (const ResourceLimit& limit : limits) {
    auto resource = static_cast<__rlimit_resource>(limit.resource);
    rlimit64 allowed{};
    if (::prlimit64(pid, resource, nullptr, &allowed) < 0 || limit.hard <= allowed.rlim_max) continue;
    allowed.rlim_max = limit.hard;
    // Refused where imgb has no right to: the stub then takes what it gets, or says that it cannot.
    ::prlimit64(pid, resource, &allowed, nullptr);
  }
}

void Running::State::throw_failure(const StubMessage& message) const {
  auto failure = message.value<stub::FailureReport>(1);
  std::string text = printable(
      std::string_view(message.bytes).substr(std::min(message.bytes.size(), 1 + sizeof(stub::FailureReport))));
  switch (failure.kind) {
    case stub::Failure::no_program:
      throw Error(ErrorKind::not_found, fmt::format("{}: {}", text, std::strerror(failure.error)));
    case stub::Failure::not_executable:
      throw Error(ErrorKind::denied, fmt::format("{}: {}", text, std::strerror(failure.error)));
    case stub::Failure::bad_target:
      throw Error(ErrorKind::input, fmt::format("{}: {}", text, std::strerror(failure.error)));
    case stub::Failure::system:
      break;
  }
  throw SystemError(failure.error, "sandbox: " + text);
}

void Running::State::take_report(StubMessage message) {
  std::string_view body = std::string_view(message.bytes).substr(1);
  switch (static_cast<stub::Report>(message.bytes[0])) {
    case stub::Report::stub:
      for (; !body.empty(); body.remove_prefix(std::min(body.size(), body.find('\0') + 1)))
        stubs.push_back(RootedPath::clean(body.substr(0, body.find('\0'))));
      return;
    case stub::Report::terminal:
      if (!message.descriptors.empty()) terminal = std::move(message.descriptors[0]);
      return;
    case stub::Report::socket:
      for (const auto& [number, host_socket] : relay_targets)
        if (number == message.value<std::uint32_t>(1) && !message.descriptors.empty())
          relays.emplace_back(std::move(message.descriptors[0]), host_socket);
      return;
    case stub::Report::started:
      started = true;
      if (!message.descriptors.empty()) main = std::move(message.descriptors[0]);
      return;
    case stub::Report::exited: {
      auto report = message.value<stub::ExitReport>(1);
      status = ExitStatus{report.code, report.signal};
      return;
    }
    case stub::Report::failed:
      throw_failure(message);
  }
}

void Running::State::wait_for_start() {
  while (!started) {
    auto message = receive_message(control, true);
    if (!message)
      throw Error(ErrorKind::system, "the sandbox's process 1 was killed while it was set up")
          .set_hint("is the memory limit too low?");
    take_report(std::move(*message));
  }
}

void Running::State::take_reports() {
  while (auto message = receive_message(control, false)) take_report(std::move(*message));
}

bool Running::State::wait_for_end(std::stop_token stop, int output, Sink* sink,
                                  std::optional<std::chrono::milliseconds> limit) {
  StopEvent stopped(stop);
  std::vector<std::byte> buffer(sink ? kOutputChunk : 0);
  std::optional<Clock::time_point> deadline, kill_at;
  if (limit) deadline = Clock::now() + *limit;
  pollfd watched[3] = {{pidfd.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}, {output, POLLIN, 0}};
  for (;;) {
    if (::poll(watched, 3, milliseconds_until(kill_at ? kill_at : deadline)) < 0) {
      if (errno == EINTR) continue;
      throw_errno("waiting for a step");
    }
    if (watched[2].revents && !read_into(output, *sink, buffer)) watched[2].fd = -1;
    if (watched[1].revents) {
      watched[1].fd = -1;
      watched[1].revents = 0;
      kill_at = Clock::now() + kGrace;
      send_signal(SIGTERM);
    }
    if (kill_at && Clock::now() >= *kill_at) {
      kill_all();
      kill_at = Clock::time_point::max();
    }
    if (watched[0].revents) break;
    if (deadline && !kill_at && Clock::now() >= *deadline) return false;
  }
  // Every process of the world is dead: what is in the pipe is all there is. Its end may be far, if an end was passed
  // on.
  if (output >= 0) {
    ::fcntl(output, F_SETFL, O_NONBLOCK);
    for (std::size_t left = kMaxLeftover / kOutputChunk; left > 0 && read_into(output, *sink, buffer);) --left;
  }
  over = true;
  return true;
}

StepResult Running::State::result() {
  take_reports();
  relays.clear();
  StepResult result;
  if (joiner) joiner->wait();
  result.status = status.value_or(ExitStatus{.signal = SIGKILL});
  bool killed = result.status.signal == SIGKILL || result.status.code == 128 + SIGKILL;
  if (killed && count_oom_kills) result.out_of_memory = count_oom_kills() > oom_kills_before;
  result.stubs = stubs;
  if (stand_ins) stand_ins->restore();
  remove_traces();
  let_go();
  return result;
}

void Running::State::remove_traces() noexcept {
  stand_ins.reset();
  if (!snapshots) return;
  try {
    Dir dir;
    if (!stubs.empty()) dir = snapshots->open_dir(changes);
    for (auto stub = stubs.rbegin(); stub != stubs.rend(); ++stub) remove_stub(dir, *stub);
  } catch (const std::exception&) {
    // The stubs are named in the result too: whoever makes a layer leaves them out.
  }
  snapshots.reset();
}

Running::Running(std::unique_ptr<State> state) : state_(std::move(state)) {}
Running::Running(Running&&) noexcept = default;
Running& Running::operator=(Running&&) noexcept = default;
Running::~Running() = default;

pid_t Running::pid() const { return state_->pid; }
pid_t Running::main_process() const {
  if (!state_->main) return 0;
  std::string info = Procfs::open().read(fmt::format("{}/fdinfo/{}", ::getpid(), state_->main.get()));
  for (std::string_view line : split(info, '\n'))
    if (line.starts_with("Pid:\t")) return static_cast<pid_t>(find_unsigned(line.substr(5)).value_or(0));
  return 0;
}
const Fd& Running::terminal() const { return state_->terminal; }
const Fd& Running::ended() const { return state_->pidfd; }
void Running::signal(int number) const noexcept { state_->send_signal(number); }
void Running::kill() const noexcept { state_->kill_all(); }

void Running::resize_terminal(unsigned rows, unsigned columns) const noexcept {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  // A terminal whose program has gone has no size.
  [[maybe_unused]] int ignored = ::ioctl(state_->terminal.get(), TIOCSWINSZ, &size);
}

StepResult Running::wait(std::stop_token stop) {
  state_->wait_for_end(stop, -1, nullptr, std::nullopt);
  StepResult result = state_->result();
  if (stop.stop_requested()) throw Error(ErrorKind::cancelled, "cancelled");
  return result;
}

std::optional<StepResult> Running::wait_for(std::chrono::milliseconds limit) {
  if (!state_->wait_for_end({}, -1, nullptr, limit)) return std::nullopt;
  return state_->result();
}

}  // namespace imgb
