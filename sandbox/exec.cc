#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/control.h"
#include "sandbox/host_labels.h"
#include "sandbox/plan.h"
#include "sandbox/procfs.h"
#include "sandbox/program_user.h"
#include "sandbox/running.h"
#include "sandbox/seccomp.h"
#include "sandbox/spawner.h"

namespace imgb {
namespace {

/// The world's namespaces that are not our own (joining one's own user namespace is an error), the user's first.
struct Foreign {
  bool user = false;
  std::vector<Fd> spaces;
};
Foreign foreign_namespaces(const Procfs& proc, pid_t world) {
  Foreign foreign;
  for (const char* kind : {"user", "mnt", "pid", "net", "uts", "ipc", "cgroup"}) {
    struct stat theirs {
    }, ours{};
    Fd their_space = proc.open_namespace(world, kind), our_space = proc.open_namespace(::getpid(), kind);
    if (::fstat(their_space.get(), &theirs) < 0 || ::fstat(our_space.get(), &ours) < 0)
      throw_errno("looking at namespaces");
    if (theirs.st_ino == ours.st_ino) continue;
    if (foreign.spaces.empty()) foreign.user = std::string_view(kind) == "user";
    foreign.spaces.push_back(std::move(their_space));
  }
  return foreign;
}

/// A process of our own user namespace would show us what its ids are outside of both.
WorldIds ids_of(const Procfs& proc, pid_t world, bool own_user_namespace) {
  if (!own_user_namespace) return {reachable_ids("uid_map"), reachable_ids("gid_map")};
  return {parse_id_map(proc.read(fmt::format("{}/uid_map", world))),
          parse_id_map(proc.read(fmt::format("{}/gid_map", world)))};
}

/// What no process of the world can ever be capable of more than.
std::uint64_t bounding_set(const Procfs& proc, pid_t world) {
  std::string status = proc.read(fmt::format("{}/status", world));
  for (std::string_view line : split(status, '\n'))
    if (line.starts_with("CapBnd:\t")) return std::stoull(std::string(line.substr(8)), nullptr, 16);
  throw_error(ErrorKind::unsupported, "/proc/{}/status does not tell of capabilities", world);
}

[[noreturn]] void throw_gone(pid_t world) {
  throw_error(ErrorKind::input, "the container has ended: there is no process {} of it any more", world);
}

/// The container's own: another one would have other categories, and be kept apart from it.
std::string label_of(const Procfs& proc, pid_t pid) {
  std::string label = proc.read(fmt::format("{}/attr/current", pid));
  return std::string(trim(label, std::string_view(" \n\0", 3)));
}

}  // namespace

Running exec_into(pid_t pid, const ExecSpec& spec, const StepIo& io) {
  Fd world(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  Procfs proc = Procfs::open();
  if (!world || (spec.world_began && proc.find_start_time(pid) != spec.world_began)) throw_gone(pid);
  Foreign foreign = foreign_namespaces(proc, pid);
  WorldIds ids = ids_of(proc, pid, foreign.user);

  PlanHost host;
  host.apparmor_profile = find_apparmor_profile();
  host.selinux_label = find_selinux_label().empty() ? "" : label_of(proc, pid);
  ProcessPlan process = make_process_plan(spec, host);
  process.rows = io.rows;
  process.columns = io.columns;
  check_ids(process, ids);
  if (spec.security != Security::insecure) process.capabilities &= bounding_set(proc, pid);
  std::string filter = spec.security == Security::insecure ? std::string() : seccomp_filter(process.capabilities);
  std::string plan = render_for_stub(process, foreign.user, filter);

  SocketPair sockets = make_control_sockets();
  Spawn spawn;
  spawn.new_session = true;  // a Ctrl-C is for us: we end our children
  spawn.program = make_stub_program();
  spawn.argv = {"imgb-init", "j-"};
  spawn.fds = {{3, sockets.theirs.get()}};
  auto running = std::make_unique<Running::State>();
  running->joiner = Child::start(spawn);
  running->pid = running->joiner->pid();
  running->pidfd = running->joiner->pidfd().duplicate();
  running->control = std::move(sockets.ours);
  sockets.theirs.reset();
  running->raise_limits(process.limits);
  move_to_cgroups(running->pid, find_cgroup_places(), find_cgroup_places(pid));

  Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) throw_errno("opening /dev/null");
  std::array stdio = {io.in, io.out, io.err};
  for (int& one : stdio)
    if (one < 0) one = null.get();
  // All that was asked for by number is of the process that was opened, if it still has that number.
  if (::syscall(SYS_pidfd_send_signal, world.get(), 0, nullptr, 0) < 0) throw_gone(pid);
  give_pipes(io, process, ids);
  send_plan(running->control, plan, stdio, numbers_of(foreign.spaces));
  running->wait_for_start();
  return Running(std::move(running));
}

}  // namespace imgb
