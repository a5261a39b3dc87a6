#include <fcntl.h>

#include <atomic>
#include <thread>

#include "tests/system/sandbox/world.h"

// Images and steps that try to make the setting up, or the taking down, of a world act on the host (security.md 2B,
// 2D).

namespace imgb {
namespace {

namespace fs = std::filesystem;
using Attack = World;

TEST_F(Attack, V75KernelMountTargetsThatAreLinksAreRefused) {
  for (const char* name : {"proc", "sys", "dev"}) {
    for (const char* target : {"/canary", "..", "/etc", "../../canary", "/nowhere"}) {
      fs::create_symlink(target, root() / "base" / name);
      EXPECT_EQ(failure(), ErrorKind::input) << name << " -> " << target;
      EXPECT_NE(message_.find(name), std::string::npos) << message_;
      fs::remove(root() / "base" / name);
    }
    write(std::string("base/") + name, "a file");
    EXPECT_EQ(failure(), ErrorKind::input) << name << " is a file";
    fs::remove(root() / "base" / name);
  }
  expect_canary_alive();
}

TEST_F(Attack, V75EtcLinkedOutStaysInside) {
  fs::remove_all(root() / "base/etc");
  fs::create_symlink((root() / "canary").string(), root() / "base/etc");
  output("cat /etc/hosts");
  expect_canary_alive();
}

TEST_F(Attack, V75ResolvConfLinkIsFollowedInsideTheRoot) {
  fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", root() / "base/etc/resolv.conf");
  EXPECT_EQ(output("cat /etc/resolv.conf"), "nameserver 192.0.2.1\n");
  EXPECT_FALSE(exists("up/run"));
}

TEST_F(Attack, V75ResolvConfLinkToTheHostStaysInside) {
  fs::create_symlink("../../../../../../" + (root() / "canary/victim").string(), root() / "base/etc/resolv.conf");
  EXPECT_EQ(output("cat /etc/resolv.conf"), "nameserver 192.0.2.1\n");
  expect_canary_alive();
}

TEST_F(Attack, V75LinkLoopsAreRefused) {
  fs::create_symlink("b", root() / "base/a");
  fs::create_symlink("a", root() / "base/b");
  spec_.mounts = {TmpfsMount{RootedPath::clean("/a/x")}};
  EXPECT_EQ(failure(), ErrorKind::input);
}

TEST_F(Attack, V76ImagesDevNullIsNotUsed) {
  fs::create_directory(root() / "base/dev");
  fs::create_symlink((root() / "canary/victim").string(), root() / "base/dev/null");
  EXPECT_EQ(output("stat -c '%t:%T %F' /dev/null; od -An -N1 /proc/interrupts"), "1:3 character special file\n");
  expect_canary_alive();
}

TEST_F(Attack, V77ImagesTerminalNamesAreNotUsed) {
  fs::create_directories(root() / "base/dev/pts");
  fs::create_symlink((root() / "canary/victim").string(), root() / "base/dev/console");
  fs::create_symlink((root() / "canary/victim").string(), root() / "base/dev/pts/0");
  fs::create_symlink((root() / "canary/victim").string(), root() / "base/dev/ptmx");
  spec_.tty = true;
  spec_.argv = {"true"};
  sandbox_.start(spec_, {}).wait();
  expect_canary_alive();
}

TEST_F(Attack, V73TheRunnersProgramCannotBeWritten) {
  fs::remove(root() / "base/bin/sh");
  fs::create_symlink("/proc/self/exe", root() / "base/bin/evil");
  write("base/script", "#!/proc/self/exe\n");
  fs::permissions(root() / "base/script", fs::perms::all);
  auto attempt = [&](const char* program) {
    try {
      run({program});
    } catch (const Error&) {
      return;  // refusing is fine
    }
  };
  attempt("/bin/evil");
  attempt("/script");
  fs::create_symlink("busybox", root() / "base/bin/sh");
  EXPECT_EQ(
      output("for p in /proc/[0-9]*; do echo x 2>/dev/null > $p/exe && [ $p != /proc/$$ ] && echo wrote $p; done; true")
          .find("wrote"),
      std::string::npos);
  EXPECT_EQ(output("echo still works"), "still works\n");
}

TEST_F(Attack, V74NoDescriptorLeadsOut) {
  for (int number = 3; number < 20; ++number) {
    spec_.cwd = RootedPath::clean("/proc/self/fd/" + std::to_string(number));
    try {
      Done done = shell("pwd; ls ../../../../this-is-the-sandbox");
      EXPECT_TRUE(done.text.starts_with("/")) << done.text;
      EXPECT_EQ(done.result.status.code, 0) << done.text;
    } catch (const Error&) {
      continue;  // refusing is fine
    }
  }
  spec_.cwd = RootedPath();
  EXPECT_EQ(output("ls /proc/self/fd | head -3; cd /; cd ../../../..; ls this-is-the-sandbox"),
            "0\n1\n2\nthis-is-the-sandbox\n");
}

TEST_F(Attack, V28BindSourceIsWhatWasOpened) {
  fs::create_directory(root() / "source");
  write("source/file", "mine");
  Fd source(::open((root() / "source").c_str(), O_PATH | O_CLOEXEC));
  fs::rename(root() / "source", root() / "moved");
  fs::create_symlink("canary", root() / "source");
  spec_.mounts = {BindMount{.source_fd = source.get(), .target = RootedPath::clean("/s")}};
  EXPECT_EQ(output("ls /s"), "file\n");
}

TEST_F(Attack, V32StubRemovalDoesNotLeaveTheUpperFolder) {
  spec_.mounts = {TmpfsMount{RootedPath::clean("/made/for/mount")}};
  write("canary/mount", "");
  fs::remove(root() / "canary/mount");
  Done done = shell("mv /made /elsewhere 2>/dev/null; rm -rf /made 2>/dev/null; ln -s " + (root() / "canary").string() +
                    " /made 2>/dev/null; true");
  EXPECT_EQ(done.result.status.code, 0);
  expect_canary_alive();
}

TEST_F(Attack, V30LinksInACacheStayInTheWorld) {
  fs::create_directory(root() / "cache");
  fs::create_symlink((root() / "canary").string(), root() / "cache/out");
  Fd cache(::open((root() / "cache").c_str(), O_PATH | O_CLOEXEC));
  spec_.mounts = {BindMount{.source_fd = cache.get(), .target = RootedPath::clean("/cache"), .read_only = false}};
  shell("echo pwned > /cache/out/victim; rm -rf /cache/out/*");
  expect_canary_alive();
}

TEST_F(Attack, V31V79RacesOnMountTargetsStayInTheWorld) {
  // One cache is mounted twice: at /cache, and as the place below which a second mount's target lies, while another
  // process swaps folder and link there.
  fs::create_directories(root() / "cache/real/deep");
  fs::create_symlink((root() / "canary").string(), root() / "cache/link");
  Fd cache(::open((root() / "cache").c_str(), O_PATH | O_CLOEXEC));
  std::atomic<bool> stop = false;
  std::jthread swapper([&] {
    while (!stop)
      ::renameat2(cache.get() >= 0 ? AT_FDCWD : -1, (root() / "cache/real").c_str(), AT_FDCWD,
                  (root() / "cache/link").c_str(), RENAME_EXCHANGE);
  });
  for (int i = 0; i < 60; ++i) {
    spec_.mounts = {BindMount{.source_fd = cache.get(), .target = RootedPath::clean("/cache"), .read_only = false},
                    SecretFile{RootedPath::clean("/cache/real/deep/key"), "s3cret"}};
    try {
      shell("true");
    } catch (const Error& e) {
      EXPECT_TRUE(e.kind() == ErrorKind::input || e.kind() == ErrorKind::system) << e.what();
    }
  }
  stop = true;
  swapper.join();
  expect_canary_alive();
}

TEST_F(Attack, V82OutputHeldByAnotherDoesNotHoldTheStep) {
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(output("setsid sleep 1000 & echo done"), "done\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(Attack, V80NothingIsInherited) {
  for (std::uint32_t user : {0u, 1000u}) {
    spec_.user = {user, user, {}, "/"};
    EXPECT_EQ(output("grep -E 'CapInh|CapAmb' /proc/self/status"),
              "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000\n");
  }
}

TEST_F(Attack, V51OnlyTheDeclaredEnvironmentIsSeen) {
  ::setenv("HOST_CANARY", "secret", 1);
  EXPECT_EQ(output("env | grep -v -E '^(PATH|PWD|SHLVL)=' ; cat /proc/1/environ 2>/dev/null; true"), "");
  ::unsetenv("HOST_CANARY");
}

}  // namespace
}  // namespace imgb
