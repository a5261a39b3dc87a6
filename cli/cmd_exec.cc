#include <csignal>

#include "cli/accounts.h"
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
    flags.boolean(detach_, "d,detach", "Run it in the background, without input and output");
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
    if (tty_ && interactive_ && !detach_) require_terminal();
    Container container = get_running(env);
    if (detach_) return start_detached(env);
    enter_user_namespace_if_needed(container.state.supervisor);
    SignalWatch* watch = &env.watch_signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH});
    ExecSpec spec = make_spec(container);
    Attachment attachment({.interactive = interactive_, .tty = tty_});
    Running running = start_or_exit_code([&] { return exec_into(container.state.init, spec, attachment.io()); });
    pass_signals(*watch, running, tty_);
    attachment.serve(running, {});
    StepResult result = running.wait();
    watch->forward({});
    attachment.check();
    return result.status.shell_code();
  }

  /// In the process of its own that start_detached starts.
  int run_behind(CliEnv& env, SupervisorReport& report) {
    Container container = get_running(env);
    enter_user_namespace_if_needed(container.state.supervisor);
    ExecSpec spec = make_spec(container);
    spec.tty = false;
    Running running = exec_into(container.state.init, spec, {});
    report.ready({});
    return running.wait().status.shell_code();
  }

 private:
  Container get_running(CliEnv& env) const {
    Container container = Containers(env.store().folder("containers")).get(container_);
    if (container.state.phase != ContainerState::Phase::running)
      throw_error(ErrorKind::input, "container {} is not running", container.config.name);
    return container;
  }

  int start_detached(CliEnv& env) const {
    std::vector<std::string> words{"__exec", env.root().string()};
    for (const std::string& entry : env_) words.push_back("--env=" + entry);
    for (const std::string& file : env_files_) words.push_back("--env-file=" + file);
    if (privileged_) words.emplace_back("--privileged");
    if (user_) words.push_back("--user=" + *user_);
    if (workdir_) words.push_back("--workdir=" + *workdir_);
    words.push_back(container_);
    words.insert(words.end(), command_.begin(), command_.end());
    auto warnings = start_or_exit_code([&] { return start_supervisor(words); });
    for (const std::string& warning : warnings) env.tell("WARNING: " + warning);
    return 0;
  }

  ExecSpec make_spec(const Container& container) const {
    RunRequest request = parse_run_request(container.config.request);
    if (request.isolation == Isolation::chroot)
      throw Error(
          ErrorKind::unsupported,
          fmt::format("container {} runs with --isolation=chroot: it has no world that another process could join",
                      container.config.name));
    ExecSpec spec;
    spec.world_began = container.state.init_began;
    spec.argv = command_;
    spec.user = find_user_inside(container.state.init, user_.value_or("").empty() ? request.user : *user_,
                                 !has_variable(request.env, "HOME"));
    spec.env = environment_of(request, container.config.id, spec.user);
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
    spec.ulimits = request.limits.ulimits;
    spec.tty = tty_;
    return spec;
  }

  std::vector<std::string> env_, env_files_, command_;
  bool detach_ = false, interactive_ = false, privileged_ = false, tty_ = false;
  std::optional<std::string> user_, workdir_;
  std::string container_;
};

}  // namespace

int run_detached_exec(std::span<const std::string> words) {
  SupervisorReport report;
  try {
    Exec exec;
    Flags flags;
    exec.describe(flags);
    flags.parse(words.subspan(2));
    CliEnv env(Globals{.root = words[1]});
    return exec.run_behind(env, report);
  } catch (const Error& e) {
    report.failed(e);
    return 1;
  } catch (const std::exception& e) {
    report.failed(Error(ErrorKind::internal, e.what()));
    return 1;
  }
}

Command exec_command() { return {"exec", "Run one more command in a running container", make_verb<Exec>}; }

}  // namespace imgb
