#include "builder/plan_build.h"

#include <algorithm>

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "builder/global_scope.h"
#include "builder/image_assembly.h"
#include "builder/lower_stage.h"
#include "builder/root_needs.h"
#include "builder/stage_names.h"
#include "builder/syntax_directive.h"
#include "core/base/task.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// Triggers of base images may ask for stages that ask for triggers; a real file never gets this deep.
constexpr int kMaxTriggerDepth = 100;

class Planner {
 public:
  Planner(const Dockerfile& file, const BuildRequest& request, BaseImageSource& images, Progress& progress,
          std::stop_token stop)
      : file_(file), names_(file), request_(request), images_(images), progress_(progress), stop_(std::move(stop)) {
    target_platform_ = request.platform.value_or(Platform::host());
    plan_.target = names_.find_target(request.target);
    options_.build_args = &request.build_args;
    options_.global = global_scope(file, request.build_args, Platform::host(), target_platform_, request.target);
    options_.escape = file.escape;
    options_.source = file.source;
    options_.network = request.network;
    options_.security = request.security;
    options_.allow_host_network = request.allow_host_network;
    options_.allow_insecure = request.allow_insecure;
    read_epoch();
    if (plan_.source_date_epoch) options_.created = *plan_.source_date_epoch * kNanosecondsPerSecond;
    if (auto ns = request.build_args.find("BUILDKIT_CACHE_MOUNT_NS"); ns != request.build_args.end()) {
      options_.cache_namespace = ns->second;
    }
    for (std::size_t i = 0; i < file.stages.size(); ++i) {
      if (!file.stages[i].name.empty() && find_named_context(file.stages[i].name)) replaced_.insert(i);
    }
    options_.input_of = [this](std::string_view name, bool index_counts) {
      return from_input(current_, name, index_counts);
    };
    declared_args_ = declared_args(file);
  }

  BuildPlan run() {
    lower_with_needs(plan_.target);
    StagePlan& target = plan_.stages.at(plan_.target);
    if (request_.platform && !file_.stages[plan_.target].platform) target.config.platform = *request_.platform;
    for (const auto& [key, value] : request_.labels) target.config.config.labels[key] = value;
    for (auto& warning : unused_arg_warnings(request_.build_args, declared_args_)) plan_.warnings.push_back(warning);
    auto syntax = request_.build_args.find("BUILDKIT_SYNTAX");
    auto foreign =
        find_syntax_warning(file_.source->text, syntax == request_.build_args.end() ? nullptr : &syntax->second);
    if (foreign) plan_.warnings.push_back(std::move(*foreign));
    return std::move(plan_);
  }

 private:
  void read_epoch() {
    const std::string* text = options_.global.find("SOURCE_DATE_EPOCH");
    auto given = request_.build_args.find("SOURCE_DATE_EPOCH");
    if (!text && given != request_.build_args.end()) text = &given->second;
    if (text) plan_.source_date_epoch = parse_source_date_epoch(*text);
  }

  /// The name as given with --build-context, first with the platform.
  const std::string* find_named_context(std::string_view name) const {
    std::string with_platform = fmt::format("{}::{}", name, target_platform_.str());
    for (std::string_view wanted : {std::string_view(with_platform), name}) {
      for (const auto& [given, context] : request_.named_contexts) {
        if (iequals_ascii(given, wanted)) return &given;
      }
    }
    return nullptr;
  }
  const std::string* find_context_of_image(const Reference& image) const {
    for (const auto& [given, context] : request_.named_contexts) {
      try {
        if (Reference::parse(given).with_default_tag() == image) return &given;
      } catch (const Error&) {
        continue;  // a name that is no reference stands for no image
      }
    }
    return nullptr;
  }

  InputId input(Input wanted) {
    if (const auto* stage = std::get_if<StageInput>(&wanted)) {
      auto [known, is_new] = stage_inputs_.try_emplace(stage->stage, plan_.inputs.size());
      if (is_new) plan_.inputs.push_back(wanted);
      return known->second;
    }
    auto same = std::find(plan_.inputs.begin(), plan_.inputs.end(), wanted);
    if (same != plan_.inputs.end()) return static_cast<InputId>(same - plan_.inputs.begin());
    plan_.inputs.push_back(std::move(wanted));
    return plan_.inputs.size() - 1;
  }
  InputId context_input(const std::string& name, const Platform& platform) {
    const auto& context = request_.named_contexts.at(name);
    if (const auto* image = std::get_if<ImageContext>(&context)) {
      return input(ImageInput{image->name, platform, image->source ? image->source : &images_});
    }
    return input(ContextInput{name});
  }
  /// A name that is no stage: a named context or an image.
  InputId outside_input(const std::string& name, const Platform& platform) {
    if (const std::string* context = find_named_context(name)) return context_input(*context, platform);
    Reference image = Reference::parse(name).with_default_tag();
    if (const std::string* context = find_context_of_image(image)) return context_input(*context, platform);
    return input(ImageInput{image, platform, &images_});
  }

  Platform platform_of(std::size_t stage) const {
    const Stage& from = file_.stages[stage];
    if (!from.platform) return target_platform_;
    std::string text = expand_word(*from.platform, options_.global, file_.escape);
    return text.empty() ? target_platform_ : Platform::parse(text);
  }

  InputId base_of(std::size_t stage) {
    const Stage& from = file_.stages[stage];
    return at_lines(file_.source, from.lines, [&] {
      Platform platform = platform_of(stage);
      if (replaced_.contains(stage)) return context_input(*find_named_context(from.name), platform);
      std::string name = base_name(file_, stage, options_.global);
      if (auto earlier = names_.find(name, stage)) return input(StageInput{*earlier});
      if (name == "scratch") return input(ScratchInput{});
      return outside_input(name, platform);
    });
  }

  /// COPY --from and mounts: stage, named context or image.
  InputId from_input(std::size_t current, std::string_view from, bool index_counts) {
    if (from.empty()) return input(ContextInput{""});
    if (auto stage = names_.find_from(from, current, index_counts)) {
      if (replaced_.contains(*stage)) return base_of(*stage);
      if (!plan_.stages.contains(*stage)) lower_with_needs(*stage);
      return input(StageInput{*stage});
    }
    if (from == "scratch") return input(ScratchInput{});
    return outside_input(std::string(from), target_platform_);
  }

  /// Lowers `stage` and all it needs, earlier ones first.
  void lower_with_needs(std::size_t stage) {
    if (++depth_ > kMaxTriggerDepth) throw_error(ErrorKind::input, "ONBUILD triggers nest too deeply");
    auto needed = names_.needed_stages(stage, options_.global, replaced_);
    std::erase_if(needed, [&](std::size_t i) { return plan_.stages.contains(i); });
    resolve_images(needed);
    for (std::size_t i : needed) {
      if (!plan_.stages.contains(i)) lower(i);
    }
    --depth_;
  }

  struct Wanted {
    InputId input;
    LineRange lines;
  };
  void resolve_images(const std::set<std::size_t>& stages) {
    std::vector<Wanted> wanted;
    auto want = [&](InputId id, LineRange lines) {
      bool listed = std::any_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.input == id; });
      if (std::holds_alternative<ImageInput>(plan_.inputs[id]) && !plan_.images.contains(id) && !listed) {
        wanted.push_back({id, lines});
      }
    };
    for (std::size_t i : stages) want(base_of(i), file_.stages[i].lines);
    if (wanted.size() == 1) {
      plan_.images.emplace(wanted[0].input, resolve(wanted[0]));
      return;
    }
    Guarded<std::map<InputId, BaseImage>> found;
    TaskGroup group(static_cast<unsigned>(std::min<std::size_t>(wanted.size(), 8)), stop_);
    for (const Wanted& image : wanted) {
      group.add([&found, image, this] {
        BaseImage base = resolve(image);
        found.with([&](auto& map) { map.emplace(image.input, std::move(base)); });
      });
    }
    if (!wanted.empty()) group.join();
    found.with([&](auto& map) { plan_.images.merge(map); });
  }

  BaseImage resolve(const Wanted& wanted) const {
    const auto& image = std::get<ImageInput>(plan_.inputs[wanted.input]);
    Activity activity(progress_, fmt::format("[internal] load metadata for {}", image.name.familiar()));
    try {
      BaseImage base = image.source->resolve(image.name, image.platform, request_.pull, activity, stop_);
      activity.done();
      return base;
    } catch (Error& e) {
      if (e.kind() == ErrorKind::cancelled) throw;
      activity.failed(e.what());
      e.add_frame(fmt::format("failed to resolve source metadata for {}{}", image.name.familiar(),
                              nearest_stage(image.name.familiar())));
      if (e.kind() == ErrorKind::not_found) add_nearest_name(e, image.name.familiar());
      throw DockerfileError(e, wanted.lines.first ? file_.source : nullptr, {SourceLocation{wanted.lines}});
    }
  }
  /// For `--from=biuld`, which nobody may be there to say that there is no such image.
  std::string nearest_stage(std::string_view name) const {
    std::vector<std::string> stages;
    for (const Stage& stage : file_.stages)
      if (!stage.name.empty()) stages.push_back(stage.name);
    auto nearest = find_nearest(name.substr(0, name.find_first_of(":@")), stages);
    return nearest ? fmt::format(" (did you mean the stage {}?)", *nearest) : "";
  }

  void add_nearest_name(Error& e, const std::string& name) const {
    std::vector<std::string> known{"alpine", "busybox", "debian",  "ubuntu", "python",   "node",
                                   "golang", "rust",    "nginx",   "redis",  "postgres", "mysql",
                                   "fedora", "scratch", "openjdk", "ruby",   "php",      "httpd"};
    std::string bare = name.substr(0, name.find_first_of(":@"));
    if (auto nearest = find_nearest(bare, known)) e.set_hint(fmt::format("did you mean {}?", *nearest));
  }

  StageStart start_of(InputId base) {
    if (const auto* stage = std::get_if<StageInput>(&plan_.inputs[base])) {
      return {plan_.stages.at(stage->stage).config, environments_.at(stage->stage), args_.at(stage->stage)};
    }
    if (std::holds_alternative<ImageInput>(plan_.inputs[base])) {
      StageStart start{plan_.images.at(base).config, {}, {}};
      fit_history(start.config);
      return start;
    }
    return {scratch_config(target_platform_), {}, {}};
  }

  void lower(std::size_t index) {
    throw_if_stopped(stop_);
    const Stage& from = file_.stages[index];
    StagePlan stage{.index = index, .name = display_name(file_, index), .lines = from.lines, .base = base_of(index)};
    std::size_t outer = std::exchange(current_, index);
    LoweredStage lowered;
    if (replaced_.contains(index)) {
      Stage nothing = from;
      nothing.instructions.clear();
      StageStart start = start_of(stage.base);
      start.config.config.on_build.clear();
      lowered = lower_stage(std::move(start), nothing, options_);
    } else {
      lowered = lower_stage(start_of(stage.base), from, options_);
    }
    current_ = outer;
    if (const auto* context = std::get_if<ContextInput>(&plan_.inputs[stage.base])) {
      copy_context(*context, stage.base, lowered);
    }
    resolve_step_images(lowered.steps);
    stage.config = std::move(lowered.config);
    stage.steps = std::move(lowered.steps);
    finish_steps(stage);
    environments_[index] = std::move(lowered.environment);
    args_[index] = std::move(lowered.args);
    std::move(lowered.warnings.begin(), lowered.warnings.end(), std::back_inserter(plan_.warnings));
    std::move(lowered.declared_args.begin(), lowered.declared_args.end(), std::back_inserter(declared_args_));
    plan_.stages.emplace(index, std::move(stage));
  }

  /// A stage that starts from a folder begins with its content.
  void copy_context(const ContextInput& context, InputId input, LoweredStage& stage) const {
    BuildStep step;
    CopyStep copy;
    copy.from = input;
    copy.sources = {"."};
    copy.to = {RootedPath(), true};
    step.action = std::move(copy);
    step.label = fmt::format("FROM {}", context.name);
    History entry;
    entry.created = options_.created;
    entry.created_by = fmt::format("COPY . / # {}", context.name);
    stage.steps.insert(stage.steps.begin(), std::move(step));
    stage.config.history.insert(stage.config.history.begin(), std::move(entry));
  }

  void resolve_step_images(const std::vector<BuildStep>& steps) {
    for (const BuildStep& step : steps) {
      for (InputId id : inputs_of(step)) {
        if (std::holds_alternative<ImageInput>(plan_.inputs[id]) && !plan_.images.contains(id)) {
          plan_.images.emplace(id, resolve({id, step.lines}));
        }
      }
    }
  }

  /// Labels as BuildKit counts: the base counts when it is an image.
  void finish_steps(StagePlan& stage) const {
    bool from_image = std::holds_alternative<ImageInput>(plan_.inputs[stage.base]);
    std::size_t total = stage.steps.size() + (from_image ? 1 : 0), number = from_image ? 1 : 0;
    bool named = request_.no_cache_stages.contains(lower_ascii(stage.name));
    const auto* folder = std::get_if<FolderContext>(&request_.context);
    for (BuildStep& step : stage.steps) {
      ++number;
      step.label = file_.stages.size() > 1 ? fmt::format("[{} {}/{}] {}", stage.name, number, total, step.label)
                                           : fmt::format("[{}/{}] {}", number, total, step.label);
      step.place =
          fmt::format("{}\n{}\n{}\n{}", folder ? folder->id : "", request_.dockerfile_name, stage.name, number);
      step.no_cache = request_.no_cache || named;
    }
  }

  const Dockerfile& file_;
  StageNames names_;
  const BuildRequest& request_;
  BaseImageSource& images_;
  Progress& progress_;
  std::stop_token stop_;
  Platform target_platform_;
  LowerOptions options_;
  BuildPlan plan_;
  std::set<std::size_t> replaced_;
  std::map<std::size_t, InputId> stage_inputs_;
  std::map<std::size_t, Environment> environments_;
  std::map<std::size_t, std::vector<std::pair<std::string, std::string>>> args_;
  std::vector<std::string> declared_args_;
  std::size_t current_ = 0;  ///< The stage that is being lowered.
  int depth_ = 0;
};

}  // namespace

std::vector<InputId> inputs_of(const BuildStep& step) {
  std::vector<InputId> ids;
  if (const auto* copy = std::get_if<CopyStep>(&step.action)) ids.push_back(copy->from);
  if (const auto* run = std::get_if<RunStep>(&step.action)) {
    for (const PlannedMount& mount : run->mounts) {
      if (mount.input) ids.push_back(*mount.input);
    }
  }
  return ids;
}

std::optional<std::int64_t> parse_source_date_epoch(std::string_view text) {
  // "context" means the context's own time, which a local folder does not have.
  if (text.empty() || text == "context") return std::nullopt;
  auto seconds = find_integer(text);
  if (!seconds || *seconds < 0) throw_error(ErrorKind::input, "invalid SOURCE_DATE_EPOCH: {}", printable(text, 64));
  return seconds;
}

BuildPlan plan_build(const Dockerfile& file, const BuildRequest& request, BaseImageSource& images, Progress& progress,
                     std::stop_token stop) {
  BuildPlan plan = Planner(file, request, images, progress, std::move(stop)).run();
  mark_root_needs(plan);
  return plan;
}

}  // namespace imgb
