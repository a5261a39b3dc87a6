#include "sandbox/rootless.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/fd.h"
#include "core/base/process.h"
#include "sandbox/host_text.h"
#include "sandbox/procfs.h"

namespace imgb {
namespace {

constexpr std::chrono::seconds kHelperLimit{10};

std::string user_name(uid_t id) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(1 << 16);
  if (::getpwuid_r(id, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return {};
  return entry.pw_name;
}

[[noreturn]] void throw_no_namespace(const char* what) {
  SystemError error(errno, what);
  error.set_hint(
      "let users make user namespaces: sysctl -w kernel.unprivileged_userns_clone=1, user.max_user_namespaces "
      "above 0 and, on Ubuntu, kernel.apparmor_restrict_unprivileged_userns=0; or run as root: in a container without "
      "privileges its user 0 builds with --isolation=chroot");
  throw error;
}

/// What newuidmap and newgidmap are asked for.
struct Wanted {
  std::string program;
  IdMap map;
};

/// True when the helper is there, may do it, and did it.
bool run_map_helper(const Wanted& wanted, pid_t pid) {
  auto path = find_program(wanted.program);
  if (!path) return false;
  std::vector<std::string> argv = {*path, std::to_string(pid)};
  for (const IdRange& range : wanted.map)
    for (std::uint32_t number : {range.inside, range.outside, range.count}) argv.push_back(std::to_string(number));
  return run_helper(argv, "", kHelperLimit).status.ok();
}

/// A child that stays outside and maps our ids when we are inside: the helpers act for who calls them.
class Mapper {
 public:
  Mapper(const Wanted& uids, const Wanted& gids) : ready_(make_pipe()) {
    pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ < 0) throw_errno("fork");
    if (child_ > 0) {
      ready_.read.reset();
      return;
    }
    ready_.write.reset();
    char go = 0;
    bool done = false;
    try {
      done = ::read(ready_.read.get(), &go, 1) == 1 && run_map_helper(uids, parent) && run_map_helper(gids, parent);
    } catch (const std::exception&) {
      done = false;  // told by the exit code
    }
    ::_exit(done ? 0 : 1);
  }
  /// Tells it to begin; true when both maps are written.
  bool finish() {
    write_all(ready_.write, "x", "mapping ids");
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  Pipe ready_;
  pid_t child_ = -1;
};

void map_own_id_alone(const Procfs& proc, uid_t uid, gid_t gid) {
  auto path = [&](const char* name) { return fmt::format("{}/{}", ::getpid(), name); };
  proc.write(path("setgroups"), "deny");
  proc.write(path("uid_map"), render_id_map({{0, uid, 1}}));
  proc.write(path("gid_map"), render_id_map({{0, gid, 1}}));
}

void become_root() {
  ::setgroups(0, nullptr);  // forbidden in a single-id map
  if (::setresgid(0, 0, 0) < 0 || ::setresuid(0, 0, 0) < 0) throw_errno("becoming root of a user namespace");
}

void join_namespaces(pid_t process) {
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!pidfd || ::setns(pidfd.get(), CLONE_NEWUSER | CLONE_NEWNS) < 0)
    throw_errno("joining the namespaces of process {}", process);
  become_root();
}

}  // namespace

void enter_user_namespace_if_needed(std::optional<pid_t> join) {
  uid_t uid = ::geteuid();
  gid_t gid = ::getegid();
  if (uid == 0) return;
  if (join) return join_namespaces(*join);

  std::string name = user_name(uid);
  auto sub_uids = find_sub_ids(host_text("/etc/subuid"), name, uid);
  auto sub_gids = find_sub_ids(host_text("/etc/subgid"), name, uid);
  Wanted uids{"newuidmap", rootless_map(uid, sub_uids)}, gids{"newgidmap", rootless_map(gid, sub_gids)};
  std::optional<Mapper> mapper;
  if (!sub_uids.empty() && !sub_gids.empty()) mapper.emplace(uids, gids);

  Procfs proc = Procfs::open();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) throw_no_namespace("making a user namespace");
  bool mapped = mapper && mapper->finish();
  // Read back: a helper that wrote something else than it was asked for must not go unseen.
  auto written = [&](const char* kind) { return parse_id_map(proc.read(fmt::format("{}/{}", ::getpid(), kind))); };
  if (mapped && (written("uid_map") != uids.map || written("gid_map") != gids.map))
    throw_error(ErrorKind::denied, "newuidmap wrote another map than it was asked for");
  if (!mapped && written("uid_map").empty()) map_own_id_alone(proc, uid, gid);
  become_root();
  if (::mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) throw_no_namespace("making a mount namespace");
}

}  // namespace imgb
