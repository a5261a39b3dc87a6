#include "core/base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "core/base/error.h"

namespace imgb {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string shell_output(const std::string& script, std::map<int, int> fds = {}) {
  Pipe pipe = make_pipe();
  Spawn spawn;
  spawn.argv = {"/bin/sh", "-c", script};
  spawn.env = {"PATH=/usr/bin:/bin"};
  spawn.fds = std::move(fds);
  spawn.fds[1] = pipe.write.get();
  Child child = Child::start(spawn);
  pipe.write.reset();
  std::string text = read_all(pipe.read, 100000, "output");
  EXPECT_TRUE(child.wait().ok());
  return text;
}

TEST(Child, EndsWithItsExitCodeOrSignal) {
  Spawn spawn;
  spawn.argv = {"sh", "-c", "exit 7"};
  EXPECT_EQ(Child::start(spawn).wait().code, 7);
  spawn.argv = {"sh", "-c", "kill -TERM $$"};
  ExitStatus status = Child::start(spawn).wait();
  EXPECT_EQ(status.signal, SIGTERM);
  EXPECT_EQ(status.shell_code(), 143);
  EXPECT_FALSE(status.ok());
}

TEST(Child, GetsTheGivenEnvironmentAndNothingElse) {
  Pipe pipe = make_pipe();
  Spawn spawn;
  spawn.argv = {"env"};
  spawn.env = {"A=1", "B=two words"};
  spawn.fds = {{1, pipe.write.get()}};
  Child child = Child::start(spawn);
  pipe.write.reset();
  EXPECT_EQ(read_all(pipe.read, 1000, "env"), "A=1\nB=two words\n");
}

TEST(Child, HasNoDescriptorsButThoseNamed) {
  Fd leak(::open("/dev/null", O_RDONLY));  // not close-on-exec, as a careless library would
  Fd given = make_memfd("given");
  std::string listed = shell_output("exec ls /proc/self/fd", {{5, given.get()}});
  EXPECT_EQ(listed, "0\n1\n2\n3\n5\n") << "3 is the folder that ls lists";
  EXPECT_EQ(shell_output("readlink /proc/$$/fd/0 /proc/$$/fd/2"), "/dev/null\n/dev/null\n");
}

TEST(Child, DescriptorsMaySwapNumbers) {
  Pipe a = make_pipe(), b = make_pipe();
  int x = a.write.get(), y = b.write.get();
  std::string script = "echo to-x >&" + std::to_string(x) + "; echo to-y >&" + std::to_string(y);
  shell_output(script, {{x, y}, {y, x}});
  a.write.reset();
  b.write.reset();
  EXPECT_EQ(read_all(b.read, 100, "b"), "to-x\n");
  EXPECT_EQ(read_all(a.read, 100, "a"), "to-y\n");
}

TEST(Child, StartsWithDefaultSignals) {
  auto before = std::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked, old;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, &old);
  std::string status = shell_output("cat /proc/self/status | grep -E 'Sig(Blk|Ign|Cgt)' | tr -d '\\n\\t '");
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  std::signal(SIGPIPE, before);
  EXPECT_EQ(status, "SigBlk:0000000000000000SigIgn:0000000000000000SigCgt:0000000000000000");
}

TEST(Child, AMissingProgramIsNotFound) {
  for (const char* name : {"/nonexistent/program", "no-such-program-anywhere"}) {
    Spawn spawn;
    spawn.argv = {name};
    try {
      Child::start(spawn);
      ADD_FAILURE() << name;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::not_found) << e.what();
    }
  }
  Spawn folder;
  folder.argv = {"/tmp"};
  folder.die_with_parent = false;
  try {
    Child::start(folder);
    ADD_FAILURE();
  } catch (const SystemError& e) {
    EXPECT_EQ(e.errno_value(), EACCES);
  }
}

TEST(Child, AProgramCanBeADescriptor) {
  Spawn spawn;
  spawn.program = Fd(::open("/bin/true", O_RDONLY | O_CLOEXEC));
  spawn.argv = {"anything"};
  EXPECT_TRUE(Child::start(spawn).wait().ok());
}

TEST(Child, WaitForGivesUpAndWaitsAgain) {
  Pipe pipe = make_pipe();
  Spawn spawn;
  spawn.argv = {"cat"};
  spawn.fds = {{0, pipe.read.get()}};
  Child child = Child::start(spawn);
  pipe.read.reset();
  EXPECT_FALSE(child.wait_for(milliseconds(1)));
  pipe.write.reset();
  auto status = child.wait_for(seconds(20));
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->ok());
}

TEST(Child, IsKilledAndReapedWhenForgotten) {
  pid_t pid;
  {
    Spawn spawn;
    spawn.argv = {"sleep", "1000"};
    Child child = Child::start(spawn);
    pid = child.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Child, OutlivesTheThreadThatStartedIt) {
  std::optional<Child> child;
  Pipe in = make_pipe();
  std::thread([&] {
    Spawn spawn;
    spawn.argv = {"cat"};
    spawn.fds = {{0, in.read.get()}};
    child = Child::start(spawn);
  }).join();
  in.read.reset();
  in.write.reset();
  EXPECT_TRUE(child->wait().ok());
}

TEST(Child, DiesWithTheProcessThatStartedIt) {
  Pipe life = make_pipe();  // its end tells that nobody holds the other end any more
  pid_t middle = ::fork();
  if (middle == 0) {
    Spawn spawn;
    spawn.argv = {"sleep", "1000"};
    spawn.fds = {{3, life.write.get()}};
    Child child = Child::start(spawn);
    ::kill(::getpid(), SIGKILL);
  }
  life.write.reset();
  EXPECT_EQ(read_all(life.read, 10, "life"), "");
  ::waitpid(middle, nullptr, 0);
}

TEST(RunHelper, GivesInputAndTakesOutput) {
  Output output = run_helper({"sh", "-c", "cat; echo problem >&2; exit 3"}, "question", seconds(20));
  EXPECT_EQ(output.out, "question");
  EXPECT_EQ(output.err, "problem\n");
  EXPECT_EQ(output.status.code, 3);
}

TEST(RunHelper, InputThatNobodyReadsIsNoProblem) {
  Output output = run_helper({"true"}, std::string(1 << 20, 'x'), seconds(20));
  EXPECT_TRUE(output.status.ok());
}

TEST(RunHelper, TooSlowOrTooMuchIsAnError) {
  EXPECT_THROW(run_helper({"sleep", "1000"}, "", milliseconds(20)), Error);
  EXPECT_THROW(run_helper({"yes"}, "", seconds(20), 1000), Error);
}

TEST(RunHelper, DoesNotWaitForWhatTheHelperLeftBehind) {
  auto begin = std::chrono::steady_clock::now();
  Output output = run_helper({"sh", "-c", "sleep 30 & echo $!"}, "", seconds(20));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
  ::kill(static_cast<pid_t>(std::stol(output.out)), SIGKILL);
}

TEST(FindProgram, LooksInAbsoluteFoldersOfPath) {
  EXPECT_TRUE(find_program("sh"));
  EXPECT_FALSE(find_program("no-such-program-anywhere"));
  EXPECT_FALSE(find_program("../sh"));
  EXPECT_FALSE(find_program(""));
}

}  // namespace
}  // namespace imgb
