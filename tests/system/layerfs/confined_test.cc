#include "layerfs/confined.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <thread>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

/// Runs `attempt` in a confined child: its errno, 0 when it succeeded.
int try_confined(const Dir* writable, const std::function<bool()>& attempt) {
  pid_t pid = ::fork();
  if (pid == 0) {
    try {
      confine(writable ? &writable->fd() : nullptr);
    } catch (const Error& e) {
      ::_exit(200);
    }
    ::_exit(attempt() ? 0 : errno);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
bool works(int result) { return result >= 0; }

class ConfinedTest : public testing::Test {
 protected:
  TempDir inside, outside;
  Dir folder = inside.dir();
};

TEST_F(ConfinedTest, WritesBelowItsFolder) {
  EXPECT_EQ(try_confined(&folder,
                         [&] {
                           Fd file = folder.open_file("f", O_WRONLY | O_CREAT | O_EXCL, 0600);
                           folder.make_dir("d", 0700);
                           folder.make_hard_link("f", "d/g");
                           folder.remove("f");
                           return works(::fchown(file.get(), 0, 0)) && works(::fchmod(file.get(), 04755));
                         }),
            0);
  EXPECT_EQ(folder.stat("d/g").mode, 04755u);
}

TEST_F(ConfinedTest, ReachesNoFileElsewhere) {
  std::string path = (outside.path() / "f").string();
  EXPECT_EQ(try_confined(&folder, [&] { return works(::open("/etc/passwd", O_RDONLY)); }), EACCES);
  EXPECT_EQ(try_confined(&folder, [&] { return works(::open(path.c_str(), O_WRONLY | O_CREAT, 0600)); }), EACCES);
  EXPECT_EQ(try_confined(&folder, [&] { return works(::mkdirat(AT_FDCWD, path.c_str(), 0700)); }), EACCES);
  EXPECT_EQ(try_confined(nullptr, [&] { return works(::openat(folder.fd().get(), "x", O_WRONLY | O_CREAT, 0600)); }),
            EACCES);
}

TEST_F(ConfinedTest, RunsNothingTalksToNobodyAndTouchesNoProcess) {
  char* argv[] = {const_cast<char*>("true"), nullptr};
  EXPECT_EQ(try_confined(&folder, [&] { return works(::execv("/bin/true", argv)); }), EPERM);
  EXPECT_EQ(try_confined(&folder, [] { return works(::socket(AF_UNIX, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(try_confined(&folder, [] { return works(::socket(AF_INET, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(try_confined(&folder, [] { return works(::kill(::getppid(), 0)); }), EPERM);
  EXPECT_EQ(try_confined(&folder, [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) >= 0; }), EPERM);
  EXPECT_EQ(try_confined(&folder, [] { return works(::unshare(CLONE_NEWUSER)); }), EPERM);
  EXPECT_EQ(try_confined(&folder, [] { return works(::mount("none", "/", nullptr, MS_REMOUNT, nullptr)); }), EPERM);
  EXPECT_EQ(try_confined(&folder,
                         [] {
                           pid_t pid = ::fork();
                           if (pid == 0) ::_exit(0);
                           return pid > 0;
                         }),
            EPERM);
}

TEST_F(ConfinedTest, ItsProcessorTimeAndMemoryAreLimited) {
  Pipe ready = make_pipe(), leave = make_pipe();
  pid_t pid = ::fork();
  if (pid == 0) {
    confine(nullptr);
    leave.write.reset();
    char byte = 0;
    ::_exit(::write(ready.write.get(), "x", 1) == 1 && ::read(leave.read.get(), &byte, 1) == 0 ? 0 : 1);
  }
  char byte = 0;
  EXPECT_EQ(::read(ready.read.get(), &byte, 1), 1);
  std::string limits = Dir::open_host("/proc").read_file(std::to_string(pid) + "/limits", 1 << 16);
  EXPECT_NE(limits.find("Max cpu time              7200 "), std::string::npos) << limits;
  EXPECT_EQ(limits.find("Max address space         unlimited"), std::string::npos) << limits;
  leave.write.reset();
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(ConfinedTest, ThreadsStillStart) {
  EXPECT_EQ(try_confined(&folder,
                         [] {
                           bool ran = false;
                           std::thread([&] { ran = true; }).join();
                           return ran;
                         }),
            0);
}

}  // namespace
}  // namespace imgb
