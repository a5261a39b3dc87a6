#include <sstream>

#include "tests/system/sandbox/world.h"

// One more process in a world that runs: what is in that world must get nothing from it.

namespace imgb {
namespace {

class Exec : public World {
 protected:
  Exec() { add_probe(); }
  /// Runs something in the world of `running` to its end.
  static int exec(const Running& running, std::vector<std::string> argv) {
    ExecSpec spec{.argv = std::move(argv), .env = {"PATH=/bin"}};
    return exec_into(running.pid(), spec, {}).wait().status.shell_code();
  }
};

TEST_F(Exec, AWorldThatMayTraceGetsOnlyWhatIsConfinedLikeItself) {
  Pipe out = make_pipe();
  spec_.argv = {"probe", "trace"};
  spec_.add_capabilities = {"SYS_PTRACE"};
  {
    Running running = sandbox_.start(spec_, {.out = out.write.get()});
    char byte;
    for (int i = 0; i < 6; ++i) ASSERT_EQ(::read(out.read.get(), &byte, 1), 1) << "the word that it looks";
    for (int i = 0; i < 60; ++i) EXPECT_EQ(exec(running, {"true"}), 0);
  }
  out.write.reset();
  std::istringstream traced(read_all(out.read, 1 << 20, "output"));
  for (std::string user, capabilities, filter; traced >> user >> capabilities >> filter;) {
    EXPECT_EQ(user, "0");
    EXPECT_EQ(filter, "2") << "no process without the filter";
    EXPECT_EQ(std::stoull(capabilities, nullptr, 16) & ~0xa80425fbULL, 0u) << capabilities;
  }
}

}  // namespace
}  // namespace imgb
