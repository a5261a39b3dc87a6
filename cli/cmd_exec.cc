#include <csignal>

#include "cli/attachment.h"
#include "cli/commands.h"
#include "cli/container_run.h"
#include "cli/host_flags.h"
#include "cli/signals.h"
#include "cli/terminal_session.h"
#include "core/base/error.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Exec : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(env_, "e,env", "NAME[=VALUE]", "Set a variable");
    flags.list(env_files_, "env-file", "FILE", "Set variables from a file").completes = Completes::file;
    flags.boolean(interactive_, "i,interactive", "Give it standard input");
    flags.boolean(privileged_, "privileged", "All capabilities");
    flags.boolean(tty_, "t,tty", "Give it a terminal");
    flags.text(user_, "u,user", "NAME|UID[:GROUP|GID]", "Run as");
    flags.text(workdir_, "w,workdir", "PATH", "Working folder inside");
    flags.argument(container_, "CONTAINER").completes = Completes::container;
    flags.command(command_, "COMMAND", 1);
  }

  int run(CliEnv& env) override {
    if (tty_ && interactive_) require_terminal();
    Container container = Containers(env.store().folder("containers")).get(container_);
    if (container.state.phase != ContainerState::Phase::running)
      throw_error(ErrorKind::input, "container {} is not running", container.config.name);
    enter_user_namespace_if_needed(container.state.supervisor);
    SignalWatch* watch = &env.watch_signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH});
    ExecSpec spec = make_spec(env.store(), parse_run_request(container.config.request), watch->token());
    Attachment attachment({.interactive = interactive_, .tty = tty_});
    Running running = start_or_exit_code([&] { return exec_into(container.state.init, spec, attachment.io()); });
    pass_signals(*watch, running, tty_);
    attachment.serve(running, {});
    StepResult result = running.wait();
    watch->forward({});
    attachment.check();
    return result.status.shell_code();
  }

 private:
  ExecSpec make_spec(Store& store, const RunRequest& request, std::stop_token stop) const {
    LocalImage image = get_local_image(store, request.manifest_digest, Platform::host());
    ExecSpec spec;
    spec.argv = command_;
    SnapshotStore snapshots(store);
    spec.user = find_user(snapshots, layers_of(image), user_.value_or(request.user), std::move(stop));
    spec.env = request.env;
    if (!has_variable(spec.env, "HOME")) spec.env.push_back("HOME=" + spec.user.home);
    if (tty_ && !has_variable(spec.env, "TERM")) spec.env.emplace_back("TERM=xterm");
    RunFlags flags;
    flags.env = env_;
    flags.env_files = env_files_;
    add_variables(flags, environment_list(), spec.env);
    spec.cwd = RootedPath::clean(workdir_.value_or(request.cwd));
    spec.security = privileged_ ? Security::insecure : request.security;
    spec.add_capabilities = request.add_capabilities;
    spec.drop_capabilities = request.drop_capabilities;
    spec.no_new_privileges = request.no_new_privileges;
    spec.tty = tty_;
    return spec;
  }

  std::vector<std::string> env_, env_files_, command_;
  bool interactive_ = false, privileged_ = false, tty_ = false;
  std::optional<std::string> user_, workdir_;
  std::string container_;
};

}  // namespace

Command exec_command() { return {"exec", "Run one more command in a running container", make_verb<Exec>}; }

}  // namespace imgb
