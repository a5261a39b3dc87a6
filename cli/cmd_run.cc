#include <csignal>
#include <filesystem>

#include "cli/commands.h"
#include "cli/container_run.h"
#include "cli/errors.h"
#include "cli/host_flags.h"
#include "cli/signals.h"
#include "cli/terminal_session.h"
#include "cli/wiring.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class RunContainer : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(detach_, "d,detach", "Run in the background and print the container's id");
    flags.text(name_, "name", "NAME", "Name of the container");
    flags.text(platform_, "platform", "PLATFORM", "Such as linux/arm64, of an image for several");
    flags.text(pull_, "pull", "WHEN", "missing, always or never");
    flags.boolean(remove_, "rm", "Remove the container when it ends");
    container_.describe(flags);
    flags.argument(image_, "IMAGE").completes = Completes::image;
    flags.command(command_, "COMMAND", 0);
  }

  int run(CliEnv& env) override {
    if (!detach_ && container_.tty && container_.interactive) require_terminal();
    enter_user_namespace_if_needed();
    env.watch_signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGALRM});
    if (env.globals().progress.empty()) env.set_progress("auto");
    Container container = create(env);
    Containers containers(env.store().folder("containers"));
    if (detach_) return run_detached(env, containers, container);
    int exit_code = 0;
    try {
      exit_code = run_attached(env, containers, container);
    } catch (...) {
      if (remove_) remove_ended(containers, container.config.id);
      throw;
    }
    if (remove_) remove_ended(containers, container.config.id);
    return exit_code;
  }

 private:
  Container create(CliEnv& env) const {
    ImageWiring wiring(env, parse_isolation(container_.isolation));
    LocalImage image =
        wiring.obtain(env, image_, platform_or_host(platform_), parse_pull_policy(pull_), LayerNeed::unpacked);
    if (platform_ && !match_rank(Platform::parse(*platform_), image.config.platform))
      throw_error(ErrorKind::input, "{} is for {}, not for {}", image_, image.config.platform.str(), *platform_);
    RunRequest request = make_run_request(container_, command_, image.config, environment_list());
    request.isolation = wiring.isolation()->choice().chroot ? Isolation::chroot : Isolation::namespaces;
    if (request.isolation == Isolation::chroot && !wiring.isolation()->choice().why.empty())
      env.tell("WARNING: " + wiring.isolation()->choice().why);
    if (request.isolation == Isolation::chroot && !request.ports.empty()) {
      env.tell("WARNING: published ports are discarded: with --isolation=chroot the network is this container's own");
      request.ports.clear();
    }
    request.image = Descriptor{.media_type = image.descriptor.media_type,
                               .digest = image.descriptor.digest,
                               .size_bytes = image.descriptor.size_bytes};
    if (request.network != NetworkMode::isolated && !request.ports.empty()) {
      env.tell("WARNING: published ports are discarded: only a private network has ports of its own");
      request.ports.clear();
    }
    ContainerConfig config;
    config.name = name_.value_or("");
    config.image = image_;
    config.image_digest = image.descriptor.digest.str();
    config.command = request.argv;
    config.created = now();
    config.ports = request.ports;
    config.remove_when_done = remove_;
    std::string signal = container_.stop_signal.empty() ? image.config.config.stop_signal : container_.stop_signal;
    if (!signal.empty()) config.stop_signal = parse_signal(signal);
    if (container_.stop_timeout)
      config.stop_timeout_seconds = static_cast<int>(std::min<std::uint64_t>(*container_.stop_timeout, 86400));
    config.tty = request.tty;
    config.request = render(request);
    return Containers(env.store().folder("containers")).create(std::move(config));
  }

  int run_detached(CliEnv& env, const Containers& containers, const Container& container) const {
    env.close_screen();
    try {
      std::string root = std::filesystem::absolute(env.root()).string();
      for (const std::string& warning : start_supervisor({"__supervise", root, container.config.id}))
        env.tell("WARNING: " + warning);
    } catch (const StartFailure& failure) {
      if (remove_) remove_ended(containers, container.config.id);
      throw ExitError(failure, failure.exit_code());
    } catch (...) {
      if (remove_) remove_ended(containers, container.config.id);
      throw;
    }
    env.print_line(container.config.id);
    return 0;
  }

  RunFlags container_;
  bool detach_ = false, remove_ = false;
  std::optional<std::string> name_, platform_;
  std::string pull_ = "missing", image_;
  std::vector<std::string> command_;
};

}  // namespace

Command run_command() {
  Command command{"run", "Run an image in the sandbox", make_verb<RunContainer>};
  command.failure_code = command.usage_code = 125;
  return command;
}

}  // namespace imgb
