#include "cli/commands.h"
#include "cli/container_run.h"
#include "cli/each_name.h"
#include "core/base/error.h"
#include "sandbox/containers.h"

namespace imgb {
namespace {

class Rm : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(force_, "f,force", "Kill it first when it runs; one that does not exist is no error");
    flags.boolean(volumes_, "v,volumes", "For scripts: containers have no volumes of their own").hidden = true;
    flags.arguments(names_, "CONTAINER", 1).completes = Completes::container;
  }

  int run(CliEnv& env) override {
    Containers containers(env.store().folder("containers"));
    return for_each_name(env, names_, [&](const std::string& name) {
      if (remove(containers, name)) env.print_line(name);
    });
  }

 private:
  bool remove(const Containers& containers, const std::string& name) const {
    try {
      Container container = containers.get(name);
      if (container.state.phase == ContainerState::Phase::running) {
        if (!force_)
          throw Error(ErrorKind::denied, "container " + container.config.name + " is running")
              .set_hint("stop it first, or use --force");
        stop_container(containers, container, 0);
      }
      if (container.config.remove_when_done)
        remove_ended(containers, container.config.id);  // its own process may be first
      else
        containers.remove(container.config.id);
      return true;
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::not_found && force_) return false;
      throw;
    }
  }

  bool force_ = false, volumes_ = false;
  std::vector<std::string> names_;
};

}  // namespace

Command rm_command() { return {"rm", "Remove containers", make_verb<Rm>}; }

}  // namespace imgb
