#include "builder/lower_stage.h"

#include <algorithm>

#include "builder/config_values.h"
#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "builder/global_scope.h"
#include "builder/heredoc.h"
#include "builder/history_text.h"
#include "builder/lower_run.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::string_view kComment = "buildkit.dockerfile.v0";

/// Entries "K=V": replaces K in place or appends.
void set_env_entry(std::vector<std::string>& env, const std::string& key, const std::string& value) {
  std::string prefix = key + "=";
  auto same =
      std::find_if(env.begin(), env.end(), [&](const std::string& e) { return e == key || e.starts_with(prefix); });
  if (same == env.end()) {
    env.push_back(prefix + value);
  } else {
    *same = prefix + value;
  }
}

/// One stage on its way: config and environment as the instructions so far leave them.
class Lowering {
 public:
  Lowering(StageStart start, const LowerOptions& options)
      : options_(options),
        config_(std::move(start.config)),
        env_(std::move(start.environment)),
        args_(std::move(start.args)) {
    config_.created.reset();
    adopt_base_environment();
  }

  LoweredStage run(const Stage& stage) {
    auto triggers = std::exchange(config_.config.on_build, {});
    for (const std::string& text : triggers) {
      at_lines(options_.source, stage.lines, [&] {
        in_context([&] { return fmt::format("ONBUILD trigger {} of the base", printable(text, 100)); },
                   [&] { apply_trigger(parse_trigger(text)); });
      });
    }
    for (const Instruction& instruction : stage.instructions) {
      lines_ = instruction.lines;
      at_lines(options_.source, instruction.lines, [&] { apply(instruction); });
    }
    return {std::move(config_), std::move(env_),      std::move(args_),
            std::move(steps_),  std::move(warnings_), std::move(trigger_args_)};
  }

 private:
  void adopt_base_environment() {
    auto& env = config_.config.env;
    bool has_path = std::any_of(env.begin(), env.end(), [](const auto& e) { return e.starts_with("PATH="); });
    if (!has_path) env.push_back(fmt::format("PATH={}", kDefaultPath));
    for (const std::string& entry : env) {
      std::size_t equals = std::min(entry.find('='), entry.size());
      env_.set(entry.substr(0, equals), entry.substr(std::min(equals + 1, entry.size())));
    }
  }

  void apply_trigger(const Instruction& instruction) {
    lines_ = {};
    if (const Arg* arg = std::get_if<Arg>(&instruction.what)) {
      for (const auto& declared : arg->args) trigger_args_.push_back(declared.name);
    }
    apply(instruction);
  }

  void apply(const Instruction& instruction) {
    text_ = &instruction.original;
    std::visit([this](const auto& what) { handle(what); }, instruction.what);
  }

  std::string expand(const Word& word) const { return expand_word(word, env_, options_.escape); }

  void commit(std::string created_by, bool has_layer) {
    History entry;
    entry.created = options_.created;
    entry.created_by = std::move(created_by);
    entry.comment = kComment;
    entry.empty_layer = !has_layer;
    config_.history.push_back(std::move(entry));
  }
  void add_step(StepAction action, std::string created_by) {
    BuildStep step;
    step.action = std::move(action);
    step.lines = lines_;
    step.label = *text_;
    commit(std::move(created_by), true);
    steps_.push_back(std::move(step));
  }

  std::vector<std::string> shell() const {
    return config_.config.shell ? *config_.config.shell : std::vector<std::string>{"/bin/sh", "-c"};
  }
  std::vector<std::string> with_shell(const CommandLine& command) const {
    if (command.exec_form) return command.args;
    auto argv = shell();
    argv.insert(argv.end(), command.args.begin(), command.args.end());
    return argv;
  }
  RootedPath workdir() const { return RootedPath::clean(config_.config.working_dir); }

  std::vector<NamedValue> expand_pairs(const std::vector<KeyValue>& pairs) const {
    std::vector<NamedValue> out;
    for (const KeyValue& pair : pairs) out.emplace_back(expand(pair.key), expand(pair.value));
    return out;
  }

  void handle(const Env& env) {
    auto pairs = expand_pairs(env.pairs);
    for (const auto& [key, value] : pairs) {
      env_.set(key, value);
      set_env_entry(config_.config.env, key, value);
    }
    commit(history_env(pairs), false);
  }
  void handle(const Label& label) {
    auto pairs = expand_pairs(label.pairs);
    for (const auto& [key, value] : pairs) config_.config.labels[key] = value;
    commit(history_label(pairs), false);
  }
  void handle(const Arg& arg) {
    std::vector<MaybeNamedValue> all;
    // Unlike ENV's, the later ones of one instruction see those before.
    for (const ArgDeclaration& declared : arg.args) {
      all.emplace_back(declared.name, value_of(declared));
      remember_arg(declared.name, all.back().second);
    }
    commit(history_arg(all), false);
  }
  std::optional<std::string> value_of(const ArgDeclaration& declared) const {
    const std::string& name = declared.name;
    if (auto given = options_.build_args->find(name); given != options_.build_args->end()) return given->second;
    if (declared.value) return expand(*declared.value);
    if (const std::string* global = options_.global.find(name)) return *global;
    return std::nullopt;
  }
  void remember_arg(const std::string& name, const std::optional<std::string>& value) {
    if (value) {
      warn_about_env(name, *value);
      env_.set(name, *value);
    }
    auto same = std::find_if(args_.begin(), args_.end(), [&](const auto& a) { return a.first == name; });
    if (same == args_.end()) {
      args_.emplace_back(name, value.value_or(""));
    } else {
      same->second = value.value_or("");
    }
  }
  /// dockerfile.md 2: the last writer wins, as in BuildKit, although Docker's documentation says that ENV does.
  void warn_about_env(const std::string& name, const std::string& value) {
    for (const std::string& entry : config_.config.env) {
      if (!entry.starts_with(name + "=") || entry.substr(name.size() + 1) == value) continue;
      warnings_.push_back(fmt::format(
          "{}ARG {} replaces the value that ENV gave it for the steps that follow; the image keeps ENV's value",
          lines_.first ? fmt::format("line {}: ", lines_.first) : "", printable(name)));
    }
  }
  /// ARG values as later instructions changed them: what RUN's history shows.
  std::vector<NamedValue> args_in_effect() const {
    std::vector<NamedValue> args = args_;
    for (auto& [name, value] : args) {
      if (const std::string* now = env_.find(name)) value = *now;
    }
    return args;
  }

  void handle(const Cmd& cmd) {
    CommandLine shown{true, with_shell(cmd.command)};
    config_.config.cmd = shown.args;
    config_.config.args_escaped = true;
    has_cmd_ = true;
    commit(history_command("CMD", shown), false);
  }
  void handle(const Entrypoint& entrypoint) {
    CommandLine shown{true, with_shell(entrypoint.command)};
    config_.config.entrypoint = shown.args.empty() ? std::nullopt : std::optional(shown.args);
    if (!has_cmd_) config_.config.cmd.reset();  // a command inherited for another entrypoint makes no sense
    commit(history_command("ENTRYPOINT", shown), false);
  }
  void handle(const Expose& expose) {
    std::vector<std::string> words;
    for (const Word& word : expose.ports) {
      for (auto& part : expand_words(word, env_, options_.escape)) words.push_back(std::move(part));
    }
    auto ports = parse_exposed_ports(words);
    config_.config.exposed_ports.insert(ports.begin(), ports.end());
    commit(history_expose(ports), false);
  }
  void handle(const User& user) {
    config_.config.user = expand(user.user);
    commit("USER " + config_.config.user, false);
  }
  void handle(const Workdir& instruction) {
    RootedPath path = workdir().join(expand(instruction.path));
    config_.config.working_dir = path.str();
    std::string created_by = "WORKDIR " + path.str();
    if (path.is_root()) {
      commit(std::move(created_by), false);
    } else {
      add_step(WorkdirStep{path, config_.config.user}, std::move(created_by));
    }
  }
  void handle(const Volume& volume) {
    std::vector<std::string> paths;
    for (const Word& word : volume.paths) {
      paths.push_back(expand(word));
      if (paths.back().empty()) throw_error(ErrorKind::input, "VOLUME specified can not be an empty string");
    }
    config_.config.volumes.insert(paths.begin(), paths.end());
    commit(history_volume(paths), false);
  }
  void handle(const StopSignal& stop) {
    std::string signal = expand(stop.signal);
    check_signal_name(signal);
    config_.config.stop_signal = signal;
    commit("STOPSIGNAL " + signal, false);
  }
  void handle(const Shell& shell) {
    config_.config.shell = shell.argv;
    commit(history_shell(shell.argv), false);
  }
  void handle(const HealthcheckInstruction& check) {
    config_.config.healthcheck = Healthcheck{.test = check.test,
                                             .interval = check.interval,
                                             .timeout = check.timeout,
                                             .start_period = check.start_period,
                                             .start_interval = check.start_interval,
                                             .retries = check.retries};
    commit(history_healthcheck(check), false);
  }
  void handle(const Onbuild& onbuild) { config_.config.on_build.push_back(onbuild.trigger); }
  void handle(const Maintainer& maintainer) {
    config_.author = maintainer.name;
    commit("MAINTAINER " + maintainer.name, false);
  }

  void handle(const Run& run) {
    RunSurroundings around{shell(), workdir(), config_.config.user, env_, options_.escape, args_};
    RunStep step = lower_run(run, around, options_);
    std::string created_by = history_run(args_in_effect(), step.argv);
    add_step(std::move(step), std::move(created_by));
  }
  void handle(const Copy& copy) { transfer(copy, "COPY", copy.from, nullptr); }
  void handle(const Add& add) { transfer(add, "ADD", "", &add); }

  void transfer(const Transfer& from, std::string_view name, const std::string& stage, const Add* add) {
    CopyStep step;
    step.add = add != nullptr;
    step.from = options_.input_of(stage, true);
    for (const Word& source : from.sources) step.sources.push_back(expand(source));
    for (const Heredoc& heredoc : from.heredocs) {
      check_file_name(heredoc);
      std::string body = body_of(heredoc);
      step.heredocs.push_back({heredoc.name, heredoc.expand ? expand_heredoc(body, env_) : std::move(body)});
    }
    std::string destination = expand(from.destination);
    step.to = parse_destination(destination, workdir());
    if (from.chown) step.chown = expand(*from.chown);
    if (from.chmod) step.chmod = expand(*from.chmod);
    if (!step.chmod.empty()) ModeChange::parse(step.chmod);  // errors belong to this line
    step.link = from.link && step.chmod.empty();             // as in BuildKit: dockerfile.md 3.3 "--link"
    step.parents = from.parents;
    step.exclude = from.exclude;
    if (add && add->checksum) step.checksum = expand(*add->checksum);
    if (add) step.unpack = add->unpack;
    auto created_by = history_transfer(name, from, step.sources, destination, step.chown, step.chmod);
    add_step(std::move(step), std::move(created_by));
  }

  const LowerOptions& options_;
  ImageConfig config_;
  Environment env_;
  std::vector<NamedValue> args_;  ///< Declared in this stage, in order of declaration.
  std::vector<BuildStep> steps_;
  std::vector<std::string> warnings_, trigger_args_;
  LineRange lines_;
  const std::string* text_ = nullptr;
  bool has_cmd_ = false;
};

}  // namespace

LoweredStage lower_stage(StageStart start, const Stage& stage, const LowerOptions& options) {
  return Lowering(std::move(start), options).run(stage);
}

ImageConfig scratch_config(const Platform& platform) {
  ImageConfig config;
  config.platform = platform;
  config.config.working_dir = "/";
  config.config.env = {fmt::format("PATH={}", kDefaultPath)};
  return config;
}

}  // namespace imgb
