#include "builder/plan_build.h"

#include <algorithm>

#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "builder/global_scope.h"
#include "builder/image_assembly.h"
#include "builder/lower_stage.h"
#include "builder/outside_needs.h"
#include "builder/plan_inputs.h"
#include "builder/resolve_images.h"
#include "builder/root_needs.h"
#include "builder/stage_names.h"
#include "builder/syntax_directive.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// Triggers of base images may ask for stages that ask for triggers; a real file never gets this deep.
constexpr int kMaxTriggerDepth = 100;

class Planner {
 public:
  Planner(const Dockerfile& file, const BuildRequest& request, Store& store, BaseImageSource& images,
          Progress& progress, std::stop_token stop)
      : file_(file),
        names_(file),
        request_(request),
        store_(store),
        images_(images),
        stop_(stop),
        target_platform_(request.platform.value_or(Platform::host())),
        inputs_(request, images, target_platform_, plan_.inputs),
        resolver_(file, request, images, progress, std::move(stop)) {
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
    if (plan_.source_date_epoch) options_.created = nanoseconds_of(*plan_.source_date_epoch);
    if (auto ns = request.build_args.find("BUILDKIT_CACHE_MOUNT_NS"); ns != request.build_args.end()) {
      options_.cache_namespace = ns->second;
    }
    for (std::size_t i = 0; i < file.stages.size(); ++i) {
      if (!file.stages[i].name.empty() && inputs_.find_context(file.stages[i].name)) replaced_.insert(i);
    }
    options_.input_of = [this](std::string_view name, bool index_counts) {
      return from_input(current_, name, index_counts);
    };
    declared_args_ = declared_args(file);
  }

  BuildPlan run() {
    if (request_.lock || request_.offline) check_outside();
    lower_with_needs(plan_.target);
    StagePlan& target = plan_.stages.at(plan_.target);
    if (request_.platform) target.config.platform = *request_.platform;
    for (const auto& [key, value] : request_.labels) target.config.config.labels[key] = value;
    for (auto& warning : unused_arg_warnings(request_.build_args, declared_args_)) plan_.warnings.push_back(warning);
    auto syntax = request_.build_args.find("BUILDKIT_SYNTAX");
    auto foreign =
        find_syntax_warning(file_.source->text, syntax == request_.build_args.end() ? nullptr : &syntax->second);
    if (foreign) plan_.warnings.push_back(std::move(*foreign));
    return std::move(plan_);
  }

 private:
  void check_outside() {
    OutsideNeeds needs = list_outside_needs(file_, names_, plan_.target, options_.global, replaced_, request_,
                                            target_platform_, images_);
    check_outside_needs(needs, file_, request_, store_, images_, stop_);
  }

  void read_epoch() {
    const std::string* text = options_.global.find("SOURCE_DATE_EPOCH");
    auto given = request_.build_args.find("SOURCE_DATE_EPOCH");
    if (!text && given != request_.build_args.end()) text = &given->second;
    if (text) plan_.source_date_epoch = parse_source_date_epoch(*text);
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
      if (replaced_.contains(stage)) return inputs_.add_context(*inputs_.find_context(from.name), platform);
      std::string name = base_name(file_, stage, options_.global);
      if (auto earlier = names_.find(name, stage)) return inputs_.add(StageInput{*earlier});
      if (name == "scratch") return inputs_.add(ScratchInput{});
      return inputs_.add_named(name, platform);
    });
  }

  /// COPY --from and mounts: stage, named context or image.
  InputId from_input(std::size_t current, std::string_view from, bool index_counts) {
    if (from.empty()) return inputs_.add(ContextInput{""});
    if (auto stage = names_.find_from(from, current, index_counts)) {
      if (replaced_.contains(*stage)) return base_of(*stage);
      if (!plan_.stages.contains(*stage)) lower_with_needs(*stage);
      return inputs_.add(StageInput{*stage});
    }
    if (from == "scratch") return inputs_.add(ScratchInput{});
    return inputs_.add_named(std::string(from), target_platform_);
  }

  /// Lowers `stage` and all it needs, earlier ones first.
  void lower_with_needs(std::size_t stage) {
    if (++depth_ > kMaxTriggerDepth) throw_error(ErrorKind::input, "ONBUILD triggers nest too deeply");
    auto needed = names_.needed_stages(stage, options_.global, replaced_);
    std::erase_if(needed, [&](std::size_t i) { return plan_.stages.contains(i); });
    resolve_bases(needed);
    for (std::size_t i : needed) {
      if (!plan_.stages.contains(i)) lower(i);
    }
    --depth_;
  }

  /// The base images of these stages that are not known yet.
  void resolve_bases(const std::set<std::size_t>& stages) {
    std::vector<WantedImage> wanted;
    for (std::size_t i : stages) {
      InputId id = base_of(i);
      const ImageInput* image = inputs_.find_image(id);
      bool listed = std::any_of(wanted.begin(), wanted.end(), [&](const WantedImage& w) { return w.input == id; });
      if (image && !plan_.images.contains(id) && !listed) wanted.push_back({id, *image, file_.stages[i].lines});
    }
    plan_.images.merge(resolver_.resolve_all(wanted));
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
        const ImageInput* image = inputs_.find_image(id);
        if (image && !plan_.images.contains(id)) plan_.images.emplace(id, resolver_.resolve({id, *image, step.lines}));
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
  Store& store_;
  BaseImageSource& images_;
  std::stop_token stop_;
  Platform target_platform_;
  BuildPlan plan_;
  PlanInputs inputs_;
  ImageResolver resolver_;
  LowerOptions options_;
  std::set<std::size_t> replaced_;
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

BuildPlan plan_build(const Dockerfile& file, const BuildRequest& request, Store& store, BaseImageSource& images,
                     Progress& progress, std::stop_token stop) {
  BuildPlan plan = Planner(file, request, store, images, progress, std::move(stop)).run();
  mark_root_needs(plan);
  return plan;
}

}  // namespace imgb
