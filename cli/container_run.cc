#include "cli/container_run.h"

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

constexpr int kCannotExecute = 126, kNotFound = 127;

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
      copy_terminal_size(running);
    else if (number != SIGCHLD)
      running.signal(number);
  });
}

void throw_start_failure(const Error& error) {
  if (error.kind() == ErrorKind::not_found) throw ExitError(error, kNotFound);
  if (error.kind() == ErrorKind::denied) throw ExitError(error, kCannotExecute);
  throw;
}

int run_attached(CliEnv& env, const Containers& containers, const Container& container) {
  SignalWatch& watch = env.watch_signals({SIGINT, SIGTERM, SIGHUP});
  RunRequest request = parse_run_request(container.config.request);
  ContainerOwner owner(containers, container.config.id);
  try {
    PreparedContainer prepared(env.store(), request, container.config.id, watch.token());
    env.close_screen();
    Sandbox sandbox({request.ports});
    Attachment attachment({.interactive = request.interactive, .tty = request.tty});
    Running running = start_container(sandbox, prepared, request, attachment.io());
    for (const std::string& warning : sandbox.take_warnings()) env.tell("WARNING: " + warning);
    owner.started(running.pid(), sandbox.forwards());
    settle_in_background(env.store().root(), prepared.snapshots());
    pass_signals(watch, running, request.tty);
    attachment.serve(running, log_of(owner, container.config));
    StepResult result = running.wait();
    watch.forward({});
    owner.exited(result);
    attachment.check();
    if (result.out_of_memory) env.tell("imgb: the container was killed: out of memory");
    return result.status.shell_code();
  } catch (const std::exception& e) {
    watch.forward({});
    owner.failed(describe(e));
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
    Store store = Store::open(words[1]);
    Containers containers(store.folder("containers"));
    Container container = containers.get(words[2]);
    RunRequest request = parse_run_request(container.config.request);
    ContainerOwner owner(containers, container.config.id);
    int exit_code = 0;
    try {
      PreparedContainer prepared(store, request, container.config.id, {});
      Sandbox sandbox({request.ports});
      Pipe out = make_pipe(), err = make_pipe();
      StepIo io{-1, out.write.get(), err.write.get()};
      Running running = start_container(sandbox, prepared, request, io);
      out.write.reset();
      err.write.reset();
      owner.started(running.pid(), sandbox.forwards());
      report.ready();
      settle_in_background(store.root(), prepared.snapshots());
      exit_code = supervise(owner, running, request.tty ? running.terminal() : out.read, err.read);
    } catch (const std::exception& e) {
      owner.failed(describe(e));
      throw;
    }
    if (container.config.remove_when_done) {
      { ContainerOwner released = std::move(owner); }
      remove_ended(containers, container.config.id);
    }
    return exit_code;
  } catch (const Error& e) {
    report.failed(e);
    return 1;
  }
}

}  // namespace imgb
