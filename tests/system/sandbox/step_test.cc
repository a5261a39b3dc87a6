#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <thread>

#include "sandbox/plan.h"
#include "tests/system/sandbox/world.h"

namespace imgb {
namespace {

using Step = World;

TEST_F(Step, RunsAsRootOfItsOwnWorld) {
  EXPECT_EQ(output("id -u; pwd; cat /proc/sys/kernel/hostname"), "0\n/\nbuildkitsandbox\n");
}

TEST_F(Step, TellsExitCodesAndSignals) {
  EXPECT_EQ(shell("exit 7").result.status.code, 7);
  EXPECT_EQ(shell("kill -9 $$").result.status.signal, 9);
}

TEST_F(Step, SaysWhyAProgramCannotRun) {
  write("base/text", "no program");
  std::filesystem::permissions(root() / "base/text", std::filesystem::perms::owner_all);
  auto kind_of = [&](const char* program) {
    try {
      run({program});
    } catch (const Error& e) {
      return e.kind();
    }
    return ErrorKind::internal;
  };
  EXPECT_EQ(kind_of("nothing-of-that-name"), ErrorKind::not_found);
  EXPECT_EQ(kind_of("/bin/nothing"), ErrorKind::not_found);
  EXPECT_EQ(kind_of("/text"), ErrorKind::denied);
  EXPECT_EQ(kind_of("/etc"), ErrorKind::denied);
}

TEST_F(Step, LeavesItsFilesWithCanonicalOwners) {
  output("echo made > /made; chown 33:44 /made; rm /this-is-the-sandbox; mkdir /d; chown 1000650000 /d");
  struct stat info {};
  ASSERT_EQ(::stat((root() / "up/made").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 33u);
  EXPECT_EQ(info.st_gid, 44u);
  ASSERT_EQ(::stat((root() / "up/d").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 1000650000u);
  ASSERT_EQ(::stat((root() / "up/this-is-the-sandbox").c_str(), &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode)) << "a removed file of a layer below is a whiteout";
}

TEST_F(Step, LeavesNoTraceOfMountTargets) {
  spec_.mounts = {SecretFile{RootedPath::clean("/run/secrets/key"), "s3cret"},
                  TmpfsMount{RootedPath::clean("/scratch/x")}};
  Done done = shell("cat /run/secrets/key");
  EXPECT_EQ(done.text, "s3cret");
  EXPECT_EQ(done.result.stubs.front().str(), "/proc");
  for (const char* stub : {"proc", "sys", "dev", "run", "scratch", "etc/hosts", "etc/resolv.conf"})
    EXPECT_FALSE(exists(std::string("up/") + stub)) << stub;
}

TEST_F(Step, GivesFoldersBackTheirTimes) {
  timespec old[2] = {{1000000, 0}, {1000000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root() / "base/etc").c_str(), old, 0), 0);
  output("true");
  struct stat info {};
  ASSERT_EQ(::stat((root() / "up/etc").c_str(), &info), 0);
  EXPECT_EQ(info.st_mtime, 1000000);
}

TEST_F(Step, KeepsWhatAStepPutWhereAStubWas) {
  // The stub's folder is below a mount for the step; what it makes elsewhere stays.
  output("mkdir -p /run/own; echo x > /run/own/file");
  EXPECT_TRUE(exists("up/run/own/file"));
}

TEST_F(Step, RunsTwiceOverOneUpperFolder) {
  output("echo one > /a");
  EXPECT_EQ(output("cat /a"), "one\n");
}

TEST_F(Step, ReadOnlyRootTakesNoWrites) {
  spec_.read_only_root = true;
  EXPECT_NE(shell("echo x > /x").result.status.code, 0);
  EXPECT_EQ(output("cat /etc/resolv.conf"), "nameserver 192.0.2.1\n");
}

TEST_F(Step, WithoutAnUpperFolderNothingIsKept) {
  spec_.root.upper = spec_.root.work = "";
  EXPECT_EQ(output("echo x > /x && cat /x"), "x\n");
  EXPECT_FALSE(exists("up/x"));
}

TEST_F(Step, AnEmptyStackIsAnEmptyRoot) {
  spec_.root.lower.clear();
  EXPECT_EQ(failure(), ErrorKind::not_found);
}

TEST_F(Step, FiveHundredLayersAreOneTree) {
  spec_.root.lower.clear();
  for (int i = 0; i < 499; ++i) {
    std::string name = "layer" + std::to_string(i) + "-abcdef";
    std::filesystem::create_directory(root() / name);
    write(name + "/file" + std::to_string(i), std::to_string(i));
    write(name + "/top", std::to_string(i));
    spec_.root.lower.push_back(name);
  }
  ASSERT_EQ(::mknod((root() / "layer0-abcdef/file498").c_str(), S_IFCHR, 0), 0);  // a whiteout far above its file
  spec_.root.lower.push_back("base");
  EXPECT_EQ(output("cat /top /file0 /file250 /file497; ls /file498 2>/dev/null || echo gone"), "00250497gone\n");
}

TEST_F(Step, WritableBindsThatAreThrownAwayChangeNothing) {
  std::filesystem::create_directory(root() / "context");
  write("context/file", "as it was");
  Fd context(::open((root() / "context").c_str(), O_PATH | O_CLOEXEC)),
      file(::open((root() / "context/file").c_str(), O_PATH | O_CLOEXEC));
  spec_.mounts = {
      BindMount{
          .source_fd = context.get(), .target = RootedPath::clean("/c"), .read_only = false, .discard_writes = true},
      BindMount{
          .source_fd = file.get(), .target = RootedPath::clean("/f"), .read_only = false, .discard_writes = true}};
  EXPECT_EQ(output("echo new > /c/file; touch /c/x; cat /c/file; echo more >> /f; cat /f"), "new\nas it wasmore\n");
  EXPECT_EQ(read("context/file"), "as it was");
  EXPECT_FALSE(exists("context/x"));
}

TEST_F(Step, ReadOnlyBindsTakeNoWrites) {
  std::filesystem::create_directory(root() / "context");
  Fd context(::open((root() / "context").c_str(), O_PATH | O_CLOEXEC));
  spec_.mounts = {BindMount{.source_fd = context.get(), .target = RootedPath::clean("/c")}};
  EXPECT_NE(shell("touch /c/x").result.status.code, 0);
}

TEST_F(Step, CacheMountsKeepWhatIsWrittenWithCanonicalOwners) {
  std::filesystem::create_directory(root() / "cache");
  Fd cache(::open((root() / "cache").c_str(), O_PATH | O_CLOEXEC));
  spec_.mounts = {BindMount{.source_fd = cache.get(), .target = RootedPath::clean("/cache"), .read_only = false}};
  output("echo kept > /cache/file; chown 5:6 /cache/file");
  EXPECT_EQ(read("cache/file"), "kept\n");
  struct stat info {};
  ASSERT_EQ(::stat((root() / "cache/file").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 5u);
}

TEST_F(Step, SocketsOfTheHostAreRelayed) {
  Fd host(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::string path = (root() / "agent").string();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(host.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  timeval patience{10, 0};  // a relay that fails fails the test, and does not hang it
  ::setsockopt(host.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ASSERT_EQ(::listen(host.get(), 4), 0);
  std::jthread agent([&] {
    Fd peer(::accept(host.get(), nullptr, nullptr));
    write_all(peer, "hello from the agent\n", "agent");
  });
  add_probe();
  Fd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  spec_.mounts = {SocketMount{place.get(), RootedPath::clean("/run/agent.sock"), 0600, 1000, 1000}};
  spec_.user = {1000, 1000, {}, "/"};
  EXPECT_EQ(output("stat -c '%a %u %F' /run/agent.sock; probe connect /run/agent.sock"),
            "600 1000 socket\nhello from the agent\n");
}

TEST_F(Step, UsersHaveTheirIdsGroupsAndNoCapabilities) {
  spec_.user = {1000, 1001, {5, 6}, "/"};
  EXPECT_EQ(output("id -u; id -g; id -G; grep CapEff /proc/self/status"),
            "1000\n1001\n1001 5 6\nCapEff:\t0000000000000000\n");
}

TEST_F(Step, MakesAMissingWorkingFolderForTheUser) {
  spec_.user = {1000, 1000, {}, "/"};
  spec_.cwd = RootedPath::clean("/srv/app");
  EXPECT_EQ(output("pwd; touch mine && stat -c %u mine"), "/srv/app\n1000\n");
}

TEST_F(Step, LimitsAreTaken) {
  spec_.limits.ulimits = {{"nofile", 100, 200}, {"cpu", 50, 60}};
  EXPECT_EQ(output("ulimit -Sn; ulimit -Hn; ulimit -St; ulimit -c"), "100\n200\n50\n0\n");
}

TEST_F(Step, NoNewPrivilegesWhenAsked) {
  spec_.no_new_privileges = true;
  spec_.user = {1000, 1000, {}, "/"};
  EXPECT_EQ(output("grep -E 'NoNewPrivs|Seccomp:' /proc/self/status"), "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

TEST_F(Step, CompatMayMakeDeviceNodesButNotOpenThem) {
  spec_.security = Security::compat;
  Done done = shell("mknod /b b 254 0 && echo made; cat /b; mknod /m c 1 1; cat /m; cat /dev/null && echo null");
  EXPECT_NE(done.text.find("made\n"), std::string::npos) << done.text;
  EXPECT_NE(done.text.find("/b': Operation not permitted"), std::string::npos) << done.text;
  EXPECT_NE(done.text.find("/m': Operation not permitted"), std::string::npos) << done.text;
  EXPECT_NE(done.text.find("null\n"), std::string::npos) << done.text;
}

TEST_F(Step, InsecureMayMount) {
  spec_.security = Security::insecure;
  EXPECT_EQ(output("mkdir /m && mount -t tmpfs none /m && echo mounted"), "mounted\n");
}

TEST_F(Step, AWorldMadeAheadIsForStepsOfItsKindAlone) {
  const std::string look = "ls /sys/class/net | wc -l; grep CapBnd /proc/self/status; ls /dev/shm; touch /dev/shm/mine";
  std::string first = output(look);
  EXPECT_EQ(output(look), first) << "the second step is in the first one's world";
  spec_.drop_capabilities = {"CHOWN"};
  EXPECT_NE(output(look).find("CapBnd:\t00000000a80425fa\n"), std::string::npos);
  spec_.drop_capabilities = {};
  spec_.network = NetworkMode::host;
  char ours[64] = {};
  ASSERT_GT(::readlink("/proc/self/ns/net", ours, sizeof ours - 1), 0);
  EXPECT_NE(output("ls -l /proc/self/ns/net").find(ours), std::string::npos);
  spec_.network = NetworkMode::none;
  EXPECT_EQ(output("ls /sys/class/net"), "lo\n");
  spec_.limits.shm_bytes = 1 << 20;
  EXPECT_EQ(output("grep ' /dev/shm ' /proc/mounts | grep -o 'size=[0-9]*k'"), "size=1024k\n");
}

/// A store on a file system that knows no idmapped mounts.
class OldFileSystem : public Step {
 protected:
  OldFileSystem() {
    std::filesystem::create_directory(root() / "ram");
    if (::mount("none", (root() / "ram").c_str(), "ramfs", 0, nullptr) != 0) throw_errno("ramfs");
    for (const char* folder : {"up", "wk"}) std::filesystem::create_directory(root() / "ram" / folder);
    std::filesystem::copy(root() / "base", root() / "ram/base",
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    old_ = Dir::open_host(root() / "ram");
    spec_.root.snapshots = &old_;
  }
  ~OldFileSystem() override {
    old_ = Dir();
    ::umount2((root() / "ram").c_str(), MNT_DETACH);
  }
  Dir old_;
};

TEST_F(OldFileSystem, StandardStepsRunAsCompatAndTheUserIsTold) {
  EXPECT_EQ(output("mknod /n b 254 0 && echo made; grep CapBnd /proc/self/status"),
            "made\nCapBnd:\t00000000a80425fb\n");
  EXPECT_TRUE(exists("ram/up/n"));
  std::vector<std::string> warnings = sandbox_.take_warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("--security=compat"), std::string::npos) << warnings[0];
}

TEST_F(Step, MemoryLimitEndsInOutOfMemory) {
  spec_.limits.memory_bytes = 32 << 20;
  Done done = run({"dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"});
  EXPECT_EQ(done.result.status.signal, 9);
  EXPECT_TRUE(done.result.out_of_memory);
}

TEST_F(Step, ProcessLimitStopsAForkBomb) {
  spec_.limits.pids = 50;
  // A shell that cannot fork ends with 2.
  Done done = shell("i=0; while [ $i -lt 200 ]; do sleep 100 & i=$((i+1)); done 2>/dev/null; exit 3");
  EXPECT_EQ(done.result.status.shell_code(), 2);
}

TEST_F(Step, TerminalIsRealAndResizable) {
  spec_.tty = true;
  spec_.argv = {"sh", "-c", "tty; read line; stty size; echo got $line"};
  Running running = sandbox_.start(spec_, {});
  running.resize_terminal(33, 99);
  write_all(running.terminal(), "word\n", "terminal");
  std::string text;
  char bytes[512];
  for (ssize_t size; (size = ::read(running.terminal().get(), bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(size));
  EXPECT_EQ(running.wait().status.code, 0);
  EXPECT_NE(text.find("/dev/pts/0"), std::string::npos) << text;
  EXPECT_NE(text.find("33 99"), std::string::npos) << text;
  EXPECT_NE(text.find("got word"), std::string::npos) << text;
}

TEST_F(Step, ExecJoinsARunningWorld) {
  spec_.argv = {"sh", "-c", "echo inside > /note; read line"};
  Pipe in = make_pipe(), ready = make_pipe();
  spec_.argv = {"sh", "-c", "echo inside > /note; echo; read line"};
  Running running = sandbox_.start(spec_, {.in = in.read.get(), .out = ready.write.get()});
  char byte;
  ASSERT_EQ(::read(ready.read.get(), &byte, 1), 1);
  Pipe out = make_pipe();
  ExecSpec exec{.argv = {"sh", "-c",
                         "cat /note; id -u; grep -E 'CapBnd|Seccomp:' /proc/self/status; mount -t tmpfs x /bin "
                         "2>/dev/null || echo refused; exit 5"},
                .env = {"PATH=/bin"}};
  Running joined = exec_into(running.pid(), exec, {.out = out.write.get()});
  out.write.reset();
  std::string text = read_all(out.read, 1 << 16, "output");
  EXPECT_EQ(joined.wait().status.code, 5);
  EXPECT_EQ(text, "inside\n0\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\nrefused\n");
  in.write.reset();
  running.wait();
}

}  // namespace
}  // namespace imgb
