#include "sandbox/rootless.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "core/base/process.h"
#include "sandbox/host_text.h"
#include "tests/system/sandbox/world.h"

// An ordinary user, made for the test, runs steps. Each test here executes this program again as that user; the tests
// named DISABLED are what runs there.

namespace imgb {
namespace {

/// A user of the host, with or without ranges of ids; gone with the object.
class OrdinaryUser {
 public:
  explicit OrdinaryUser(bool with_ranges) : name_("imgbtest" + std::to_string(::getpid())) {
    helper({"useradd", "--no-create-home", "--shell", "/bin/sh", name_});
    if (passwd* entry = ::getpwnam(name_.c_str())) {
      uid_ = entry->pw_uid;
      gid_ = entry->pw_gid;
    }
    // useradd gives ranges of its own accord: take them all away first.
    for (const SubIdRange& range : find_sub_ids(host_text("/etc/subuid"), name_, uid_))
      helper({"usermod", "--del-subuids", span(range), name_});
    for (const SubIdRange& range : find_sub_ids(host_text("/etc/subgid"), name_, uid_))
      helper({"usermod", "--del-subgids", span(range), name_});
    if (with_ranges) helper({"usermod", "--add-subuids", "700000-765535", "--add-subgids", "700000-765535", name_});
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  ~OrdinaryUser() { helper({"userdel", name_}); }

  /// Runs one test of this program as the user; its exit code.
  int run(const std::string& test) const {
    std::string filter = "--gtest_filter=" + test;
    pid_t child = ::fork();
    if (child == 0) {
      share_tun();
      if (::setgroups(0, nullptr) == 0 && ::setresgid(gid_, gid_, gid_) == 0 && ::setresuid(uid_, uid_, uid_) == 0 &&
          ::chdir("/") == 0)
        ::execl("/proc/self/exe", "system_sandbox", "--gtest_also_run_disabled_tests", filter.c_str(), nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  }

 private:
  /// Where udev runs, everyone may open /dev/net/tun; where it does not, the child gets one like that for itself.
  static void share_tun() {
    ::umask(0);
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/dev/net", "tmpfs", 0, "mode=0755") != 0 ||
        ::mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200)) != 0)
      ::_exit(126);
    ::umask(022);
  }
  static void helper(std::vector<std::string> argv) {
    Output output = run_helper(std::move(argv), "", std::chrono::seconds(20));
    EXPECT_TRUE(output.status.ok()) << output.err;
  }
  static std::string span(const SubIdRange& range) {
    return std::to_string(range.first) + "-" + std::to_string(range.first + range.count - 1);
  }
  std::string name_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
};

/// Enters the namespace before anything is opened: mounts of the host's namespace cannot be bound from inside.
struct Entered {
  Entered() {
    if (::geteuid() != 0) enter_user_namespace_if_needed();
  }
};
class AsUser : private Entered, public World {};

TEST(Rootless, AUserWithRangesRunsStepsWithManyOwners) {
  EXPECT_EQ(OrdinaryUser(true).run("AsUser.DISABLED_ManyOwners"), 0);
}
TEST(Rootless, AUserWithRangesHasAPrivateNetwork) { EXPECT_EQ(OrdinaryUser(true).run("AsUser.DISABLED_Network"), 0); }
TEST(Rootless, AUserWithRangesIsAsConfinedAsRoot) { EXPECT_EQ(OrdinaryUser(true).run("AsUser.DISABLED_Confined"), 0); }
TEST(Rootless, AUserWithoutRangesRunsStepsWithOneOwner) {
  EXPECT_EQ(OrdinaryUser(false).run("AsUser.DISABLED_OneOwner"), 0);
}

TEST_F(AsUser, DISABLED_ManyOwners) {
  EXPECT_TRUE(is_rootless());
  EXPECT_EQ(rootless_warning(), std::nullopt);
  EXPECT_EQ(output("id -u; echo x > /made; chown 33:44 /made; stat -c '%u %g' /made; rm /this-is-the-sandbox; ls /"
                   " | grep sandbox; echo $?"),
            "0\n33 44\n1\n");
  struct stat info {};
  ASSERT_EQ(::stat((root() / "up/made").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 33u) << "as this process, inside its namespace, sees it";
}

TEST_F(AsUser, DISABLED_Network) {
  spec_.network = NetworkMode::isolated;
  EXPECT_NE(output("ip -4 addr show tap0").find("10.0.2."), std::string::npos);
}

TEST_F(AsUser, DISABLED_Confined) {
  EXPECT_EQ(output("grep -E 'CapBnd|Seccomp:' /proc/self/status; cat /proc/1/environ 2>/dev/null || echo hidden"),
            "CapBnd:\t00000000a80425fb\nSeccomp:\t2\nhidden\n");
}

TEST_F(AsUser, DISABLED_OneOwner) {
  EXPECT_NE(rootless_warning(), std::nullopt);
  EXPECT_EQ(output("id -u; touch /made; stat -c %u /made"), "0\n0\n");
  EXPECT_NE(shell("chown 33 /made").result.status.code, 0);
}

}  // namespace
}  // namespace imgb
