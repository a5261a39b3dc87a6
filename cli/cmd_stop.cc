#include "cli/commands.h"
#include "cli/each_name.h"
#include "sandbox/containers.h"

namespace imgb {
namespace {

class Stop : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.number(seconds_, "t,time", "SECONDS", "How long to wait before it is killed");
    flags.arguments(names_, "CONTAINER", 1).completes = Completes::container;
  }

  int run(CliEnv& env) override {
    Containers containers(env.store().folder("containers"));
    std::optional<int> seconds;
    if (seconds_) seconds = static_cast<int>(std::min<std::uint64_t>(*seconds_, 86400));
    return for_each_name(env, names_, [&](const std::string& name) {
      Container container = containers.get(name);
      if (container.state.phase == ContainerState::Phase::running) stop_container(containers, container, seconds);
      env.print_line(name);
    });
  }

 private:
  std::optional<std::uint64_t> seconds_;
  std::vector<std::string> names_;
};

}  // namespace

Command stop_command() { return {"stop", "Stop running containers", make_verb<Stop>}; }

}  // namespace imgb
