#include "sandbox/spawner.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/process.h"
#include "sandbox/control.h"
#include "sandbox/procfs.h"

extern "C" const char imgb_stub_begin[], imgb_stub_end[];

namespace imgb {

Fd make_stub_program() {
  Fd program = make_memfd("imgb-init");
  write_all(program, std::string_view(imgb_stub_begin, static_cast<std::size_t>(imgb_stub_end - imgb_stub_begin)),
            "the sandbox's init program");
  if (::fchmod(program.get(), 0500) < 0) throw_errno("the sandbox's init program");
  seal(program);
  return program;
}

Spawner::Spawner(const Fd& stub, Options options)
    : stub_(stub), options_(std::move(options)), thread_([this](std::stop_token stop) { serve(stop); }) {}

Spawner::~Spawner() {
  thread_.request_stop();
  thread_.join();
}

void Spawner::serve(std::stop_token stop) {
  std::optional<Child> child;
  try {
    SocketPair sockets = make_control_sockets();
    Spawn spawn;
    spawn.new_session = true;  // a Ctrl-C is for us: we end our children
    spawn.program = stub_.duplicate();
    spawn.argv = {"imgb-init", options_.confines ? "c-" : options_.user_namespace ? "su" : "s-"};
    spawn.die_with_parent = !options_.confines;  // that one has to end others first, when the socket is closed
    spawn.fds = {{3, sockets.theirs.get()}};
    child = Child::start(spawn);
    sockets.theirs.reset();
    socket_ = std::move(sockets.ours);
    if (options_.cgroup) options_.cgroup->add(child->pid());
    if (options_.user_namespace) make_user_namespace(child->pid());
  } catch (...) {
    failure_ = std::current_exception();
  }
  std::unique_lock lock(mutex_);
  ready_ = true;
  changed_.notify_all();
  changed_.wait(lock, stop, [] { return false; });
  socket_.reset();  // the spawner ends by itself; Child's destructor sees to it
  if (options_.confines && child) child->wait();
}

void Spawner::make_user_namespace(pid_t pid) {
  auto hello = receive_message(socket_, true);
  if (!hello) throw_error(ErrorKind::internal, "the sandbox's spawner ended without a word");
  if (hello->value<stub::Hello>() != stub::Hello::made) {
    SystemError error(hello->value<int>(1), "making a user namespace");
    error.set_hint(
        "allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone), or use "
        "--security=compat; in a chroot neither works: enter the folder with systemd-nspawn");
    throw error;
  }
  if (hello->descriptors.empty()) throw_error(ErrorKind::internal, "no user namespace came with the spawner's word");
  user_namespace_ = std::move(hello->descriptors[0]);
  Procfs proc = Procfs::open();
  if (options_.gids.size() == 1 && options_.gids[0].count == 1 && ::geteuid() != 0)
    proc.write(fmt::format("{}/setgroups", pid), "deny");
  std::string uids = render_id_map(options_.uids), gids = render_id_map(options_.gids);
  proc.write(fmt::format("{}/uid_map", pid), uids);
  proc.write(fmt::format("{}/gid_map", pid), gids);
  stub::Hello ready = stub::Hello::ready;
  if (!send_message(socket_, bytes_of(ready))) throw_error(ErrorKind::internal, "the sandbox's spawner is gone");
}

void Spawner::wait_until_ready() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ready_; });
  if (failure_) std::rethrow_exception(failure_);
}

const Fd& Spawner::user_namespace() {
  wait_until_ready();
  return user_namespace_;
}

Spawner::World Spawner::spawn(std::uint64_t clone_flags, int network) {
  wait_until_ready();
  SocketPair control = make_control_sockets();
  stub::SpawnRequest request{clone_flags, network >= 0, 0};
  std::vector<int> descriptors = {control.theirs.get()};
  if (network >= 0) descriptors.push_back(network);
  std::lock_guard hold(mutex_);  // one request and its answer at a time
  std::optional<StubMessage> answer;
  if (send_message(socket_, bytes_of(request), descriptors)) answer = receive_message(socket_, true);
  if (!answer) throw_error(ErrorKind::internal, "the sandbox's spawner is gone");
  auto reply = answer->value<stub::SpawnReply>();
  if (reply.pid < 0) throw SystemError(reply.error, "making the namespaces of a step");
  if (answer->descriptors.empty()) throw_error(ErrorKind::internal, "no pidfd came with a step's process");
  return {reply.pid, std::move(answer->descriptors[0]), std::move(control.ours)};
}

void Spawner::let_go(pid_t world) noexcept {
  stub::SpawnRequest request{0, 0, world};
  std::lock_guard hold(mutex_);
  // A spawner that is gone has let go of all.
  ::send(socket_.get(), &request, sizeof request, MSG_NOSIGNAL);
}

}  // namespace imgb
