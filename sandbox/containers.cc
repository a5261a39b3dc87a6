#include "sandbox/containers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/file_lock.h"
#include "sandbox/container_files.h"
#include "sandbox/container_log.h"
#include "sandbox/procfs.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxFileBytes = 4 << 20;
constexpr std::string_view kNamesLock = ".names";
constexpr std::string_view kBeingMade = ".new-", kBeingRemoved = ".old-";  // folders on their way
constexpr int kKilled = 137;
constexpr std::string_view kReserveFile = "state.last";
constexpr std::size_t kReserveBytes = 32 << 10, kMaxErrorBytes = 4096;

std::string random_id() {
  std::byte bytes[32];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) throw_errno("random bytes for an id");
  return hex(bytes);
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) throw_errno("random bytes for a name");
  return number;
}

bool is_id(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// nullopt when the folder was removed meanwhile.
std::optional<bool> find_running(const Dir& home) {
  try {
    return !FileLock::try_take(home, kContainerLockFile, FileLock::Mode::exclusive);
  } catch (const SystemError& e) {
    if (e.errno_value() == ENOENT) return std::nullopt;
    throw;
  }
}

/// nullopt: the folder is half made, or half removed.
std::optional<Container> find_container(const Dir& folder) {
  auto config = folder.find_content(kContainerConfigFile, kMaxFileBytes);
  auto state = folder.find_content(kContainerStateFile, kMaxFileBytes);
  if (!config || !state) return std::nullopt;
  Container c{parse_container_config(*config), parse_container_state(*state)};
  if (c.state.phase != ContainerState::Phase::running) return c;
  // The lock tells the truth: a supervisor that was killed wrote no last state.
  auto running = find_running(folder);
  if (!running) return std::nullopt;
  if (!*running) {
    c.state.phase = ContainerState::Phase::exited;
    c.state.exit_code = kKilled;
  }
  return c;
}

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kTeardownLimit{60};
constexpr std::chrono::milliseconds kMaxLook{50};

/// True when the process has ended by then.
bool ended_by(const Fd& pidfd, Clock::time_point deadline) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd ready{pidfd.get(), POLLIN, 0};
    int got = ::poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
    if (got > 0) return true;
    if (got == 0) return false;
    if (errno != EINTR) throw_errno("waiting for a container");
  }
}

/// Empty when there is no such process any more.
Fd open_process(pid_t pid, std::uint64_t began) {
  Fd pidfd(pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1);
  // Asked after it was opened: that process still has its number, so it is the one that was opened.
  if (pidfd && Procfs::open().find_start_time(pid) != began) pidfd.reset();
  return pidfd;
}

/// Returns when nobody looks after the container any more; nullopt when it was removed. A lock knows no deadline, so it
/// is looked at again and again, and at once when its holder ends.
std::optional<FileLock> wait_for_owner(const Dir& home, const Container& container) {
  Fd owner(static_cast<int>(::syscall(SYS_pidfd_open, container.state.supervisor, 0)));
  auto deadline = Clock::now() + kTeardownLimit;
  std::chrono::milliseconds look{1};
  try {
    for (; Clock::now() < deadline; look = std::min(look * 2, kMaxLook)) {
      if (auto lock = FileLock::try_take(home, kContainerLockFile, FileLock::Mode::exclusive)) return lock;
      if (ended_by(owner, Clock::now() + look)) owner.reset();
    }
  } catch (const SystemError& e) {
    if (e.errno_value() == ENOENT) return std::nullopt;
    throw;
  }
  throw_error(ErrorKind::unavailable, "container {} has ended, but the imgb that ran it (process {}) has not finished",
              container.config.name, container.state.supervisor);
}

}  // namespace

Containers::Containers(Dir folder) : folder_(std::move(folder)) {}

Container Containers::create(ContainerConfig config) const {
  FileLock names = lock_names();
  std::vector<Container> others = list();
  auto taken = [&](const std::string& name) {
    return std::any_of(others.begin(), others.end(), [&](const Container& other) { return other.config.name == name; });
  };
  if (config.name.empty()) {
    do config.name = invent_name(random_number());
    while (taken(config.name));
  } else if (!is_container_name(config.name)) {
    throw_error(ErrorKind::input,
                "invalid container name \"{}\": letters, digits, underscores, dots and dashes only, two or more",
                printable(config.name));
  } else if (taken(config.name)) {
    Error e(ErrorKind::input, fmt::format("the container name \"{}\" is already in use", config.name));
    throw e.set_hint(fmt::format("remove that container first: imgb rm {}", config.name));
  }
  config.id = random_id();
  Container created{config, {}};
  // Made aside and renamed: nobody sees half a container.
  std::string aside = std::string(kBeingMade) + config.id;
  folder_.make_dir(aside, 0700);
  Dir home = folder_.open_dir(aside);
  home.replace_file(kContainerConfigFile, render(created.config), 0600);
  home.replace_file(kContainerStateFile, render(created.state), 0600);
  folder_.rename(aside, folder_, config.id);
  return created;
}

std::vector<Container> Containers::list() const {
  std::vector<Container> all;
  for (const Dir::Entry& entry : folder_.list()) {
    if (!is_id(entry.name)) continue;
    auto home = folder_.find_dir(entry.name);
    auto container = home ? find_container(*home) : std::nullopt;
    if (container) all.push_back(*std::move(container));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Container& a, const Container& b) { return a.config.created > b.config.created; });
  return all;
}

Container Containers::get(std::string_view name_or_id) const {
  std::vector<Container> all = list(), by_id;
  for (Container& container : all) {
    if (container.config.name == name_or_id || container.config.id == name_or_id) return std::move(container);
    if (!name_or_id.empty() && container.config.id.starts_with(name_or_id)) by_id.push_back(container);
  }
  if (by_id.size() == 1) return std::move(by_id.front());
  if (by_id.size() > 1)
    throw_error(ErrorKind::input, "{} begins the ids of {} containers", printable(name_or_id), by_id.size());
  throw_error(ErrorKind::not_found, "no such container: {}", printable(name_or_id));
}

void Containers::remove(std::string_view id) const {
  Dir home = folder_of(id);
  auto lock = FileLock::try_take(home, kContainerLockFile, FileLock::Mode::exclusive);
  if (!lock) {
    auto container = find_container(home);
    if (container && container->state.phase == ContainerState::Phase::exited) lock = wait_for_owner(home, *container);
  }
  if (!lock) {
    Error e(ErrorKind::denied, fmt::format("container {} is running", id.substr(0, 12)));
    throw e.set_hint(fmt::format("stop it first (imgb stop {0}) or force it (imgb rm -f {0})", id.substr(0, 12)));
  }
  // Out of sight at once, then emptied: a kill in between leaves nothing that looks like a container.
  std::string aside = std::string(kBeingRemoved).append(id);
  folder_.rename(id, folder_, aside);
  folder_.remove_tree(aside);
}

FileLock Containers::lock_names(FileLock::Mode mode) const { return FileLock::take(folder_, kNamesLock, mode); }

std::vector<std::string> Containers::list_remains(const FileLock&) const {
  std::vector<std::string> remains;
  for (const Dir::Entry& entry : folder_.list()) {
    // Containers are made under the lock that we hold, so nobody is making this one.
    if (entry.name.starts_with(kBeingMade)) remains.push_back(entry.name);
    if (!entry.name.starts_with(kBeingRemoved)) continue;
    auto home = folder_.find_dir(entry.name);
    auto lock = home ? home->find_file(kContainerLockFile, O_RDONLY) : std::nullopt;
    if (home && (!lock || try_lock(*lock))) remains.push_back(entry.name);
  }
  return remains;
}

void Containers::remove_remains(const FileLock&, const std::string& folder) const { folder_.remove_tree(folder); }

Dir Containers::folder_of(std::string_view id) const {
  if (!is_id(id)) throw_error(ErrorKind::internal, "not a container id: {}", printable(id));
  auto home = folder_.find_dir(id);
  if (!home) throw_error(ErrorKind::not_found, "no such container: {}", id.substr(0, 12));
  return *std::move(home);
}

struct ContainerOwner::State {
  Dir home;
  FileLock lock;
  ContainerConfig config;
  ContainerState state;
  ContainerLog log;
  Fd reserve;  ///< Room for the last state, which must find some when the disk is full.
  void save() const { home.replace_file(kContainerStateFile, render(state), 0600); }
  void save_last();
};

void ContainerOwner::State::save_last() {
  state.error.resize(std::min(state.error.size(), kMaxErrorBytes));
  std::string text = render(state);
  if (text.size() > kReserveBytes) return save();
  if (::lseek(reserve.get(), 0, SEEK_SET) < 0) throw_errno("writing the container's last state");
  write_all(reserve, text, "the container's last state");
  if (::ftruncate(reserve.get(), static_cast<off_t>(text.size())) < 0 || ::fdatasync(reserve.get()) < 0)
    throw_errno("writing the container's last state");
  home.rename(kReserveFile, home, kContainerStateFile);
  home.sync();
}

namespace {

Fd make_reserve(const Dir& home) {
  Fd file = home.open_file(kReserveFile, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  write_all(file, std::string(kReserveBytes, ' '), "room for the container's last state");
  return file;
}

FileLock lock_or_refuse(const Dir& home, std::string_view id) {
  if (auto lock = FileLock::try_take(home, kContainerLockFile, FileLock::Mode::exclusive)) return *std::move(lock);
  throw_error(ErrorKind::denied, "container {} is running already", id.substr(0, 12));
}

}  // namespace

ContainerOwner::ContainerOwner(const Containers& containers, const std::string& id) {
  Dir home = containers.folder_of(id);
  FileLock lock = lock_or_refuse(home, id);
  ContainerConfig config = parse_container_config(home.read_file(kContainerConfigFile, kMaxFileBytes));
  ContainerLog log(home);
  Fd reserve = make_reserve(home);
  state_ = std::make_unique<State>(
      State{std::move(home), std::move(lock), std::move(config), {}, std::move(log), std::move(reserve)});
}
ContainerOwner::ContainerOwner(ContainerOwner&&) noexcept = default;
ContainerOwner::~ContainerOwner() = default;

const ContainerConfig& ContainerOwner::config() const { return state_->config; }

void ContainerOwner::started(pid_t init, pid_t main_process, const std::vector<PortForward>& ports) {
  Procfs proc = Procfs::open();
  ContainerState& s = state_->state;
  s.phase = ContainerState::Phase::running;
  s.supervisor = ::getpid();
  s.init = init;
  s.init_began = proc.find_start_time(init).value_or(0);
  s.main_process = main_process;
  s.main_began = proc.find_start_time(main_process).value_or(0);
  s.started = now();
  s.ports = ports;
  state_->save();
}

void ContainerOwner::exited(const StepResult& result, Nanoseconds finished) {
  ContainerState& s = state_->state;
  s.phase = ContainerState::Phase::exited;
  s.finished = finished;
  s.exit_code = result.status.shell_code();
  s.out_of_memory = result.out_of_memory;
  if (!state_->log.failure().empty()) s.error = "some of its output is not in its log: " + state_->log.failure();
  state_->save_last();
}

void ContainerOwner::failed(std::string_view error, int exit_code) {
  ContainerState& s = state_->state;
  s.phase = ContainerState::Phase::exited;
  s.finished = now();
  s.exit_code = exit_code;
  s.error = error;
  state_->save_last();
}

void ContainerOwner::log(Stream stream, std::span<const std::byte> bytes) noexcept { state_->log.write(stream, bytes); }

namespace {

void send(const Fd& pidfd, int number) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) < 0 && errno != ESRCH)
    throw_errno("signalling a container");
}

}  // namespace

void stop_container(const Containers& containers, const Container& container, std::optional<int> timeout_seconds) {
  const ContainerState& state = container.state;
  if (state.phase != ContainerState::Phase::running) return;
  Dir home = containers.folder_of(container.config.id);
  if (Fd init = open_process(state.init, state.init_began)) {
    // To the program itself: whoever looks after it may be in the foreground, and has signals of its own.
    if (Fd program = open_process(state.main_process, state.main_began)) send(program, container.config.stop_signal);
    std::chrono::seconds timeout(timeout_seconds.value_or(container.config.stop_timeout_seconds));
    if (!ended_by(init, Clock::now() + timeout)) send(init, SIGKILL);
  }
  wait_for_owner(home, container);
}

}  // namespace imgb
