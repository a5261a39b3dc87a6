#include "cli/container_run.h"

#include <unistd.h>

#include <csignal>

#include "cli/attachment.h"
#include "cli/errors.h"
#include "cli/settle.h"
#include "cli/signals.h"
#include "cli/terminal_session.h"
#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr int kCannotRun = 125, kCannotExecute = 126, kNotFound = 127;

/// With --rm nobody can ask for the log: none is written.
OutputLog log_of(ContainerOwner& owner, const ContainerConfig& config) {
  if (config.remove_when_done) return {};
  return [&owner](int stream, std::span<const std::byte> bytes) {
    owner.log(static_cast<ContainerOwner::Stream>(stream), bytes);
  };
}

/// The flag that asked for the mount that failed: the sandbox knows it by its place inside alone.
std::optional<std::string> find_flag_of(const RunRequest& request, std::string_view message) {
  for (const VolumeRequest& volume : request.volumes) {
    if (message.find(" " + RootedPath::clean(volume.target).str() + ":") == std::string_view::npos) continue;
    if (volume.kind == VolumeRequest::Kind::tmpfs) return "--tmpfs " + volume.target;
    return "-v " + (volume.source.empty() ? "" : volume.source + ":") + volume.target;
  }
  return std::nullopt;
}

/// Starts with Docker's exit codes for what may go wrong, and says which flag it was.
Running start_container(Sandbox& sandbox, const PreparedContainer& prepared, const RunRequest& request,
                        const StepIo& io) {
  try {
    return start_or_exit_code([&] { return sandbox.start(prepared.spec(), io); });
  } catch (Error& e) {
    auto flag = find_flag_of(request, e.message());
    if (flag && e.kind() == ErrorKind::input) e.add_frame(printable(*flag));
    throw;
  }
}

}  // namespace

void pass_signals(SignalWatch& watch, Running& running, bool tty) {
  watch.forward([&running, tty](int number) {
    if (number == SIGWINCH && tty)
      copy_terminal_size(STDOUT_FILENO, running);
    else if (number != SIGCHLD)
      running.signal(number);
  });
}

void throw_start_failure(const Error& error) {
  if (error.kind() == ErrorKind::not_found) throw ExitError(error, kNotFound);
  if (error.kind() == ErrorKind::denied) throw ExitError(error, kCannotExecute);
  throw;
}

namespace {

/// How a container ended. What it was made of is gone by then.
struct Ended {
  StepResult result;
  Nanoseconds at = 0;
};

/// Signals are not passed on any more.
struct Forwarding {
  SignalWatch& watch;
  ~Forwarding() { watch.forward({}); }
};

Ended run_in_foreground(CliEnv& env, SignalWatch& watch, const Container& container, ContainerOwner& owner) {
  RunRequest request = parse_run_request(container.config.request);
  PreparedContainer prepared(env.store(), request, container.config.id, watch.token());
  env.close_screen();
  Sandbox sandbox({request.ports, prepared.isolation()});
  Attachment attachment({.interactive = request.interactive, .tty = request.tty});
  Running running = start_container(sandbox, prepared, request, attachment.io());
  for (const std::string& warning : sandbox.take_warnings()) env.tell("WARNING: " + warning);
  owner.started(running.pid(), running.main_process(), sandbox.forwards());
  settle_in_background(env.store().root(), prepared.snapshots());
  Forwarding forwarding{watch};
  pass_signals(watch, running, request.tty);
  attachment.serve(running, log_of(owner, container.config));
  Ended ended{running.wait(), now()};
  attachment.check();
  return ended;
}

Ended run_in_background(Store& store, const Container& container, ContainerOwner& owner, SupervisorReport& report) {
  RunRequest request = parse_run_request(container.config.request);
  PreparedContainer prepared(store, request, container.config.id, {});
  Sandbox sandbox({request.ports, prepared.isolation()});
  Pipe in, out = make_pipe(), err = make_pipe();
  if (request.interactive) in = make_pipe();  // nobody writes, but it does not end either
  StepIo io{in.read.get(), out.write.get(), err.write.get()};
  Running running = start_container(sandbox, prepared, request, io);
  for (Fd* theirs : {&in.read, &out.write, &err.write}) theirs->reset();
  owner.started(running.pid(), running.main_process(), sandbox.forwards());
  report.ready(sandbox.take_warnings());
  settle_in_background(store.root(), prepared.snapshots());
  return {supervise(owner, running, request.tty ? running.terminal() : out.read, err.read), now()};
}

int exit_code_of(const std::exception& failure) {
  const auto* with_code = dynamic_cast<const ExitError*>(&failure);
  return with_code ? with_code->exit_code() : kCannotRun;
}

}  // namespace

int run_attached(CliEnv& env, const Containers& containers, const Container& container) {
  SignalWatch& watch = env.watch_signals({SIGINT, SIGTERM, SIGHUP});
  ContainerOwner owner(containers, container.config.id);
  try {
    Ended ended = run_in_foreground(env, watch, container, owner);
    owner.exited(ended.result, ended.at);
    if (ended.result.out_of_memory) env.tell("imgb: the container was killed: out of memory");
    return ended.result.status.shell_code();
  } catch (const std::exception& e) {
    owner.failed(describe(e), exit_code_of(e));
    throw_if_stopped(watch.token());  // what came of it says nothing more
    throw;
  }
}

void remove_ended(const Containers& containers, const std::string& id) {
  try {
    containers.remove(id);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::not_found && e.kind() != ErrorKind::denied) throw;
  }
}

int run_supervisor(std::span<const std::string> words) {
  SupervisorReport report;
  try {
    if (::chdir("/") < 0) throw_errno("entering /");  // the caller's folder may be wanted for something else meanwhile
    Store store = Store::open(words[1]);
    Containers containers(store.folder("containers"));
    Container container = containers.get(words[2]);
    int exit_code = 0;
    {
      ContainerOwner owner(containers, container.config.id);
      try {
        Ended ended = run_in_background(store, container, owner, report);
        owner.exited(ended.result, ended.at);
        exit_code = ended.result.status.shell_code();
      } catch (const std::exception& e) {
        owner.failed(describe(e), exit_code_of(e));
        throw;
      }
    }
    if (container.config.remove_when_done) remove_ended(containers, container.config.id);
    return exit_code;
  } catch (const Error& e) {
    report.failed(e, exit_code_of(e));
    return 1;
  } catch (const std::exception& e) {
    report.failed(Error(ErrorKind::internal, e.what()));
    return 1;
  }
}

}  // namespace imgb
