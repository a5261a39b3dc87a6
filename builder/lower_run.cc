#include "builder/lower_run.h"

#include <algorithm>

#include "builder/expand.h"
#include "builder/global_scope.h"
#include "builder/heredoc.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// A line that is nothing but one heredoc: the shell runs the body; any other line keeps its heredocs for the shell.
bool is_heredoc_alone(const Run& run) {
  return run.heredocs.size() == 1 && find_heredoc(run.command.args.front()).has_value();
}

void set_command(RunStep& step, const Run& run, const std::vector<std::string>& shell) {
  if (run.command.exec_form) {
    step.argv = run.command.args;
    return;
  }
  step.argv = shell;
  std::string text = run.command.args.front();
  if (is_heredoc_alone(run)) {
    std::string body = body_of(run.heredocs.front());
    if (body.starts_with("#!")) {
      check_file_name(run.heredocs.front());
      step.script = RunScript{run.heredocs.front().name, std::move(body)};
      text = "/dev/pipes/" + run.heredocs.front().name;
    } else {
      text = std::move(body);
    }
  } else {
    for (const Heredoc& heredoc : run.heredocs) text += "\n" + heredoc.content + heredoc.name;
  }
  step.argv.push_back(std::move(text));
}

NetworkMode network_of(const Run& run, const LowerOptions& options) {
  if (!run.network || *run.network == RunNetwork::standard) return options.network;
  if (*run.network == RunNetwork::none) return NetworkMode::none;
  if (!options.allow_host_network && options.network != NetworkMode::host) {
    Error refused(ErrorKind::denied, "RUN --network=host is not allowed");
    throw refused.set_hint("allow it with --allow network.host");
  }
  return NetworkMode::host;
}

Security security_of(const Run& run, const LowerOptions& options) {
  if (!run.security || *run.security == RunSecurity::sandbox) return options.security;
  if (!options.allow_insecure && options.security != Security::insecure) {
    Error refused(ErrorKind::denied, "RUN --security=insecure is not allowed");
    throw refused.set_hint("allow it with --allow security.insecure");
  }
  return Security::insecure;
}

std::string upper_ascii(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

/// Each proxy variable that was given, in both spellings, but for those that an ARG declares.
std::vector<std::string> proxies_of(const std::map<std::string, std::string>& build_args,
                                    const RunSurroundings& around) {
  std::map<std::string, std::string> proxies;
  for (const auto& [name, value] : build_args) {
    if (!is_proxy_arg(name)) continue;
    proxies.try_emplace(lower_ascii(name), value);
    proxies.try_emplace(upper_ascii(name), value);
  }
  for (const auto& [declared, value] : around.args) proxies.erase(declared);
  std::vector<std::string> entries;
  for (const auto& [name, value] : proxies) entries.push_back(name + "=" + value);
  return entries;
}

RootedPath mount_target(const std::string& written, const RootedPath& workdir) {
  RootedPath target = workdir.join(written);
  if (target.is_root()) throw_error(ErrorKind::input, "invalid mount target {}", go_quote("/"));
  for (std::string_view kernel : {"/proc", "/sys", "/dev"}) {
    RootedPath taken = RootedPath::clean(kernel);
    if (target == taken || (kernel != "/dev" && target.is_below(taken))) {
      throw_error(ErrorKind::input, "invalid mount target {}: the sandbox owns it", go_quote(target.str()));
    }
  }
  return target;
}

class MountPlanner {
 public:
  MountPlanner(const RunSurroundings& around, const LowerOptions& options) : around_(around), options_(options) {}

  PlannedMount plan(RunMount mount) {
    PlannedMount planned{std::move(mount), {}, {}};
    std::visit([&](auto& m) { fill(m, planned); }, planned.mount);
    return planned;
  }

 private:
  RootedPath target(const std::string& written) const { return mount_target(written, around_.workdir); }

  void fill(run_mount::Bind& bind, PlannedMount& planned) {
    planned.target = target(bind.target);
    planned.input = options_.input_of(bind.from, false);
  }
  void fill(run_mount::Cache& cache, PlannedMount& planned) {
    planned.target = target(cache.target);
    if (cache.id.empty()) cache.id = planned.target.str();
    if (!options_.cache_namespace.empty()) cache.id = options_.cache_namespace + "/" + cache.id;
    if (!cache.from.empty()) planned.input = options_.input_of(cache.from, false);
  }
  void fill(run_mount::Tmpfs& tmpfs, PlannedMount& planned) { planned.target = target(tmpfs.target); }
  void fill(run_mount::Secret& secret, PlannedMount& planned) {
    if (secret.target) planned.target = target(*secret.target);
  }
  void fill(run_mount::Ssh& ssh, PlannedMount& planned) {
    if (ssh.target.empty()) ssh.target = fmt::format("/run/buildkit/ssh_agent.{}", ssh_count_++);
    planned.target = target(ssh.target);
  }

  const RunSurroundings& around_;
  const LowerOptions& options_;
  int ssh_count_ = 0;
};

}  // namespace

RunStep lower_run(const Run& run, const RunSurroundings& around, const LowerOptions& options) {
  RunStep step;
  set_command(step, run, around.shell);
  if (step.argv.empty()) throw_error(ErrorKind::input, "RUN has no command");
  step.env = around.environment.as_list();
  step.cwd = around.workdir;
  step.user = around.user;
  step.network = network_of(run, options);
  step.security = security_of(run, options);
  auto arg = [&](const char* name) {
    auto found = options.build_args->find(name);
    return found == options.build_args->end() ? std::string() : found->second;
  };
  step.hostname = arg("BUILDKIT_SANDBOX_HOSTNAME");
  if (step.hostname.empty()) step.hostname = "buildkitsandbox";
  step.proxies = proxies_of(*options.build_args, around);
  MountPlanner mounts(around, options);
  auto expand = [&](const Word& word) { return expand_word(word, around.environment, around.escape); };
  for (const MountSpec& spec : run.mounts) step.mounts.push_back(mounts.plan(resolve_mount(spec, expand)));
  return step;
}

}  // namespace imgb
