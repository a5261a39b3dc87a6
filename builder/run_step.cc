#include "builder/run_step.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "builder/history_text.h"
#include "builder/owners.h"
#include "builder/run_failed.h"
#include "builder/run_mounts.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kPipes = "/dev/pipes";

/// Hands a step's output on.
class LogSink : public Sink {
 public:
  explicit LogSink(Activity& activity) : activity_(activity) {}
  void write(std::span<const std::byte> bytes) override { activity_.log(std::string(as_text(bytes))); }

 private:
  Activity& activity_;
};

/// A heredoc script as a file that can be executed in the step and that is gone with this object. Not on a tmpfs of the
/// step: those are not executable.
class ScriptFile {
 public:
  ScriptFile(Store& store, const std::string& content, int number)
      : folder_(store.folder("ingest")), name_(fmt::format("script-{}-{}", ::getpid(), number)) {
    store.lease().note("ingest/" + name_);  // not to be taken for what a dead process left
    folder_.remove(name_);
    write_all(folder_.open_file(name_, O_WRONLY | O_CREAT | O_EXCL, 0755), content, name_);
    folder_.set_mode(name_, 0755);
    fd_ = folder_.open_file(name_, O_PATH | O_NOFOLLOW);
  }
  ScriptFile(const ScriptFile&) = delete;
  ~ScriptFile() {
    try {
      folder_.remove(name_);
    } catch (const std::exception&) {  // prune finds it
    }
  }
  int fd() const { return fd_.get(); }

 private:
  Dir folder_;
  std::string name_;
  Fd fd_;
};

std::string_view name_of(NetworkMode mode) {
  return mode == NetworkMode::isolated ? "isolated" : mode == NetworkMode::host ? "host" : "none";
}
std::string_view name_of(Security security) {
  return security == Security::standard ? "standard" : security == Security::compat ? "compat" : "insecure";
}

class RunRun {
 public:
  RunRun(const BuildStep& step, const FileSystem& below, const std::map<InputId, FileSystem>& inputs,
         StepServices& services, Activity& activity, std::stop_token stop)
      : step_(step),
        run_(std::get<RunStep>(step.action)),
        below_(below),
        inputs_(inputs),
        services_(services),
        activity_(activity),
        stop_(std::move(stop)) {}

  Ingredients make_key(MountKeys kind) {
    Ingredients key;
    key.add("kind", kind == MountKeys::content ? "RUN 1" : "RUN 1 on stacks");
    key.add("parent", below_.stack_text());
    key.add("platform", platform_text());
    for (std::size_t i = 0; i < run_.argv.size(); ++i) key.add(fmt::format("argument {}", i), run_.argv[i]);
    if (run_.script) key.add(fmt::format("script {}", run_.script->name), run_.script->content);
    for (const std::string& entry : run_.env) {
      std::size_t equals = std::min(entry.find('='), entry.size());
      key.add(fmt::format("variable {}", entry.substr(0, equals)), entry.substr(equals));
    }
    key.add("folder", run_.cwd.str());
    key.add("user", run_.user);
    key.add("hostname", run_.hostname);
    key.add("network", name_of(run_.network));
    key.add("security", name_of(run_.security));
    for (const auto& [name, address] : services_.request.extra_hosts) key.add("extra host", name);
    if (services_.plan.source_date_epoch) {
      key.add("SOURCE_DATE_EPOCH", std::to_string(*services_.plan.source_date_epoch));
    }
    add_mounts(key, kind, run_, inputs_, services_, activity_, stop_);
    return key;
  }

  Layer execute() {
    services_.tools.runner.warm_up(make_world_spec());
    SnapshotStore& snapshots = services_.tools.snapshots;
    auto find_user = [&] { return resolve_run_user(run_.user, below_, services_, activity_, stop_); };
    // A tree is not there for others when it is ours; layers are there when a root was made of them.
    std::optional<UserIds> user;
    if (snapshots.form() == SnapshotForm::trees) user = find_user();
    auto [scratch, lower] = services_.make_root(below_, activity_, stop_);
    if (!user) user = find_user();
    OpenMounts mounts = open_mounts(run_, inputs_, services_, activity_, stop_);
    StepSpec spec = make_spec(mounts, root_fs(snapshots.folder(), scratch, std::move(lower)), *std::move(user));
    LogSink log(activity_);
    StepResult result = services_.tools.runner.run(spec, log, stop_);
    if (!result.status.ok()) {
      RunFailed failed = failure(result);
      failed_ = World{std::move(scratch), std::move(mounts), std::move(spec)};
      throw failed;
    }
    SnapshotStore::CommitOptions options{services_.layer_options(), leave_out(spec, result)};
    Layer layer = snapshots.commit(scratch, below_.layers, options, stop_);
    snapshots.adopt(std::move(scratch), below_.layers, layer, stop_);
    return layer;
  }

  /// Lets the user look into the world of the command that failed. Not while other builds wait for this step.
  void report(const RunFailed& failed) {
    if (failed_) services_.report_failure(failed_->spec, failed);
    failed_.reset();
  }

 private:
  /// What a command saw, as it left it.
  struct World {
    SnapshotStore::Scratch scratch;
    OpenMounts mounts;
    StepSpec spec;
  };

  std::string platform_text() const {
    return services_.request.platform ? services_.request.platform->str() : Platform::host().str();
  }

  StepSpec make_spec(OpenMounts& mounts, RootFs root, UserIds user) {
    StepSpec spec = make_world_spec();
    spec.root = std::move(root);
    spec.user = std::move(user);
    if (std::vector<std::uint32_t>& groups = spec.user.groups; !std::ranges::binary_search(groups, spec.user.gid)) {
      groups.insert(std::ranges::upper_bound(groups, spec.user.gid), spec.user.gid);  // as container runtimes do
    }
    if (run_.script) {
      script_.emplace(services_.tools.store, run_.script->content, activity_.number());
      RootedPath at = RootedPath::clean(kPipes).child(run_.script->name);
      spec.mounts.push_back(BindMount{.source_fd = script_->fd(), .target = at});
    }
    std::move(mounts.mounts.begin(), mounts.mounts.end(), std::back_inserter(spec.mounts));
    spec.argv = run_.argv;
    spec.env = run_.env;
    spec.env.insert(spec.env.end(), run_.proxies.begin(), run_.proxies.end());
    spec.env.insert(spec.env.end(), mounts.env.begin(), mounts.env.end());
    bool has_home = std::any_of(spec.env.begin(), spec.env.end(), [](const auto& e) { return e.starts_with("HOME="); });
    if (!has_home) spec.env.push_back("HOME=" + spec.user.home);
    spec.cwd = run_.cwd;
    spec.hostname = run_.hostname;
    spec.extra_hosts = services_.request.extra_hosts;
    return spec;
  }

  /// What is known of the step before its files are there.
  StepSpec make_world_spec() const {
    StepSpec spec;
    spec.security = run_.security;
    spec.network = run_.network;
    spec.limits = services_.request.limits;
    return spec;
  }

  /// Mount targets and what the sandbox made for itself leave no trace (V32, V50).
  static std::vector<RootedPath> leave_out(const StepSpec& spec, const StepResult& result) {
    std::vector<RootedPath> paths = result.stubs;
    for (const StepMount& mount : spec.mounts) {
      std::visit([&](const auto& m) { paths.push_back(m.target); }, mount);
    }
    for (std::string_view own : {"/etc/hosts", "/etc/resolv.conf", "/proc", "/sys", "/dev"}) {
      paths.push_back(RootedPath::clean(own));
    }
    return paths;
  }

  RunFailed failure(const StepResult& result) const {
    std::string command = join(run_.argv, " ");
    std::string why =
        result.out_of_memory ? "killed (out of memory)" : fmt::format("exit code: {}", result.status.shell_code());
    RunFailed failed(fmt::format("process {} did not complete successfully: {}", go_quote(command), why),
                     services_.source, step_.lines);
    if (result.out_of_memory) failed.set_hint("give it more with --memory");
    return failed;
  }

  const BuildStep& step_;
  const RunStep& run_;
  const FileSystem& below_;
  const std::map<InputId, FileSystem>& inputs_;
  StepServices& services_;
  Activity& activity_;
  std::stop_token stop_;
  std::optional<ScriptFile> script_;
  std::optional<World> failed_;
};

}  // namespace

StepOutcome run_run(const BuildStep& step, const FileSystem& below, const std::map<InputId, FileSystem>& inputs,
                    StepServices& services, Activity& activity, std::stop_token stop) {
  RunRun run(step, below, inputs, services, activity, stop);
  StepRecord record(step, {false, below.stack}, services, activity);
  std::optional<Digest> quick_key;
  if (mounts_stacks(std::get<RunStep>(step.action), inputs)) {
    quick_key = run.make_key(MountKeys::stacks).key();
    if (auto known = record.find_quick(*quick_key)) return *known;
  }
  Ingredients key = run.make_key(MountKeys::content);
  if (auto known = record.find(key, quick_key)) return *known;
  auto make = [&] {
    MadeLayer made{run.execute(), services.request.now, {false, below.stack}};
    record.put(key, quick_key, made);
    return made;
  };
  try {
    StepOutcome outcome =
        step.no_cache ? services.once(key.key(), make) : services.once_in_store(key.key(), make, activity, stop);
    return {std::move(outcome.made), outcome.cached, key.key(), quick_key};
  } catch (const RunFailed& failed) {
    run.report(failed);
    throw;
  }
}

}  // namespace imgb
