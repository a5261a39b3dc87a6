#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>

#include "sandbox/stub/descendants.h"
#include "sandbox/stub/mounts.h"
#include "sandbox/stub/network.h"
#include "sandbox/stub/process.h"
#include "sandbox/stub/system.h"

/// The program that makes a step's world from inside: single-threaded and static, so that it may do what a threaded
/// process may not between fork and exec. imgb starts one spawner per build; the spawner clones one process 1 per step.
namespace imgb::stub {
namespace {

constexpr int kSocket = 3;  ///< Where imgb puts the socket.

/// The plan and the descriptors that came with it.
class Delivery {
 public:
  explicit Delivery(const Control& control) {
    PlanHeader header;
    std::size_t count = kMaxDescriptors;
    bool whole = receive(control.socket(), &header, sizeof header, descriptors_, count) == sizeof header;
    if (!whole || count < 1 + header.stdio_count) ::_exit(1);  // imgb has changed its mind, or is gone
    count_ = count;
    first_source_ = 1 + header.stdio_count;
    void* bytes = ::mmap(nullptr, header.plan_bytes, PROT_READ, MAP_PRIVATE, descriptors_[0], 0);
    if (bytes == MAP_FAILED) control.fail("reading the plan");
    begin_ = static_cast<const char*>(bytes);
    end_ = begin_ + header.plan_bytes;
  }
  PlanReader reader(const Control& control) const { return {begin_, end_, control}; }
  const int* stdio() const { return descriptors_ + 1; }
  const int* sources() const { return descriptors_ + first_source_; }
  std::size_t source_count() const { return count_ - first_source_; }
  /// Nothing but stdio is needed any more.
  void drop() const {
    ::close(descriptors_[0]);
    for (std::size_t i = first_source_; i < count_; ++i) ::close(descriptors_[i]);
  }

 private:
  int descriptors_[kMaxDescriptors];
  std::size_t count_ = 0, first_source_ = 0;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

void watch_children() {
  sigset_t watched;
  ::sigemptyset(&watched);
  ::sigaddset(&watched, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
}

/// After a user namespace was made or joined: the host's ids, which we have so far, are nobody in there.
bool become_root_inside() {
  ::syscall(SYS_setgroups, 0, nullptr);  // forbidden in a single-id map
  if (::syscall(SYS_setresgid, 0, 0, 0) < 0 || ::syscall(SYS_setresuid, 0, 0, 0) < 0) return false;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // changing ids cleared it
  return hide_process();                        // and this with it, where sysctl fs.suid_dumpable says so
}

[[noreturn]] void run_main_process(PlanReader& plan, const Delivery& delivery, int root, const Control& control) {
  pid_t main_process = start_process(plan, delivery.stdio(), root, control);
  drop_to_init(control);
  for (int i = 0; i < 3; ++i) ::close(delivery.stdio()[i]);
  int program = static_cast<int>(::syscall(SYS_pidfd_open, main_process, 0));
  control.report(Report::started, {}, control.check(program, "watching the program"));
  ::close(program);
  serve(main_process, root >= 0 ? Rest::is_killed : Rest::ends_with_us, control);
}

/// What a world has before its plan is known.
Ground prepare(const Control& control) {
  Delivery delivery(control);
  PlanReader plan = delivery.reader(control);
  limit_capabilities(plan.wide(), control);
  Ground ground = build_ground(plan, delivery.sources(), delivery.source_count(), control);
  delivery.drop();
  return ground;
}

/// Process 1 of a world.
[[noreturn]] void be_init(int socket, int network, bool own_network) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  Control control(socket);
  watch_children();
  if (network >= 0) control.check(::setns(network, CLONE_NEWNET), "joining the network");
  if (own_network && !raise_loopback()) control.fail("raising loopback");
  if (network >= 0) ::close(network);
  Ground ground = prepare(control);
  Delivery delivery(control);
  PlanReader plan = delivery.reader(control);
  std::string_view hostname = plan.text();
  control.check(::sethostname(hostname.data(), hostname.size()), "setting the host name");
  build_tree(ground, plan, delivery.sources(), delivery.source_count(), control);
  delivery.drop();
  run_main_process(plan, delivery, -1, control);
}

/// In the place of process 1 when there is no world: it lives on when the spawner goes, until imgb does.
[[noreturn]] void be_keeper(int socket) {
  Control control(socket);
  watch_children();
  if (!adopt_orphans()) control.fail("adopting orphans");
  Delivery delivery(control);
  if (delivery.source_count() != 1) control.fail(Failure::system, EBADMSG, "reading the plan");
  PlanReader plan = delivery.reader(control);
  run_main_process(plan, delivery, delivery.sources()[0], control);
}

/// clone3, or clone where that is forbidden: container engines cannot see the flags of the first.
long clone_process(std::uint64_t flags, int& pidfd) {
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) return pid;
  return ::syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, nullptr);
}

bool confines = false;  ///< Of this spawner: its worlds are none.

SpawnReply spawn(const SpawnRequest& request, int socket, int network, int& pidfd) {
  long pid = clone_process(request.clone_flags, pidfd);
  if (pid == 0) {
    ::close(kSocket);
    if (confines) be_keeper(socket);
    be_init(socket, network, (request.clone_flags & CLONE_NEWNET) != 0);
  }
  return {static_cast<std::int32_t>(pid), pid < 0 ? errno : 0};
}

void answer(const SpawnRequest& request, const int* descriptors) {
  int pidfd = -1;
  SpawnReply reply = spawn(request, descriptors[0], descriptors[1], pidfd);
  if (!send(kSocket, &reply, sizeof reply, {}, pidfd)) ::_exit(1);  // imgb waits for it, or for our end
  if (pidfd >= 0) ::close(pidfd);
}

/// Makes the user namespace and tells imgb, which maps its ids meanwhile.
void make_user_namespace() {
  Hello hello = ::unshare(CLONE_NEWUSER) == 0 ? Hello::made : Hello::failed;
  int error = hello == Hello::made ? 0 : errno;
  int space = hello == Hello::made ? ::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) : -1;
  if (!send(kSocket, &hello, sizeof hello, {reinterpret_cast<const char*>(&error), sizeof error}, space)) ::_exit(1);
  if (space >= 0) ::close(space);
  std::size_t none = 0;
  if (receive(kSocket, &hello, sizeof hello, nullptr, none) <= 0 || hello != Hello::ready) ::_exit(1);
  if (!become_root_inside()) ::_exit(1);
}

/// Namespaces end with those in them; without any, whoever is left is ended by us.
[[noreturn]] void leave() {
  if (confines) kill_descendants();
  ::_exit(0);
}

/// Makes the user namespace when asked to, then a world per request until imgb closes the socket.
[[noreturn]] void be_spawner(bool user_namespace) {
  if (user_namespace) make_user_namespace();
  for (;;) {
    SpawnRequest request;
    int descriptors[2] = {-1, -1};
    std::size_t count = 2;
    if (receive(kSocket, &request, sizeof request, descriptors, count) != sizeof request) leave();
    if (request.let_go > 0)
      ::waitpid(request.let_go, nullptr, WNOHANG | __WALL);
    else if (count > 0)
      answer(request, descriptors);
    for (std::size_t i = 0; i < count; ++i) ::close(descriptors[i]);
  }
}

/// One more process in a running world (`imgb exec`): the sources are its namespaces.
///
/// Whoever traces a process of ours has what it has: nothing of the host may be left in this one when the world can see
/// it. So the user namespace comes first, and the process namespace, which only a child enters, counts last.
[[noreturn]] void be_joiner() {
  Control control(kSocket);
  Delivery delivery(control);
  PlanReader plan = delivery.reader(control);
  bool user_namespace = plan.flag();
  for (std::size_t i = 0; i < delivery.source_count(); ++i) {
    control.check(::setns(delivery.sources()[i], 0), "joining the container");
    if (i == 0 && user_namespace && !become_root_inside()) control.fail("becoming root in the container");
    ::close(delivery.sources()[i]);
  }
  watch_children();
  pid_t inside = control.check(::fork(), "starting a process");  // a process namespace is for children
  if (inside) {
    int status;
    while (::waitpid(inside, &status, 0) < 0 && errno == EINTR) continue;
    ::_exit(0);
  }
  // Our parent's end is not ours: imgb's is, which the socket tells of, and then there is something to be done.
  run_main_process(plan, delivery, -1, control);
}

/// Makes a network namespace that belongs to the user namespace at descriptor 4, and hands it over.
int make_network(bool join) {
  Control control(kSocket);
  if (join) control.check(::setns(kSocket + 1, CLONE_NEWUSER), "joining the user namespace");
  control.check(::unshare(CLONE_NEWNET), "making a network namespace");
  if (!raise_loopback()) control.fail("raising loopback");
  if (!forbid_link_local()) control.fail("closing the way to link-local addresses");
  int space = control.check(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), "opening the network namespace");
  control.report(Report::started, {}, space);
  return 0;
}

}  // namespace
}  // namespace imgb::stub

int main(int argc, char** argv) {
  using namespace imgb::stub;
  // First of all: whatever world sees us may not look into us.
  if (!hide_process()) return 1;
  char mode = argc > 1 ? argv[1][0] : 0;
  if (mode == static_cast<char>(Mode::spawner)) be_spawner(argv[1][1] == 'u');
  if (mode == static_cast<char>(Mode::confiner)) {
    confines = true;
    if (adopt_orphans()) be_spawner(false);
    return 1;
  }
  if (mode == static_cast<char>(Mode::joiner)) be_joiner();
  if (mode == static_cast<char>(Mode::network)) return make_network(argv[1][1] == 'u');
  return 2;
}
