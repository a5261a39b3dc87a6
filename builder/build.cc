#include "builder/build.h"

#include <algorithm>
#include <set>
#include <thread>

#include "builder/cache_export.h"
#include "builder/cache_import.h"
#include "builder/cache_mounts.h"
#include "builder/copy_step.h"
#include "builder/dockerfile_error.h"
#include "builder/image_assembly.h"
#include "builder/instructions.h"
#include "builder/outside_needs.h"
#include "builder/plan_build.h"
#include "builder/run_step.h"
#include "builder/scheduler.h"

namespace imgb {
namespace {

/// Carries out a plan. Steps run on worker threads; what they came to is applied by the thread that owns this.
class BuildRun {
 public:
  BuildRun(const BuildRequest& request, const BuildPlan& plan, const BuildTools& tools, SharedSource source)
      : request_(request), plan_(plan), tools_(tools), services_(request, plan, tools, std::move(source)) {
    for (const auto& [index, stage] : plan.stages) {
      for (const BuildStep& step : stage.steps) {
        first_task_.try_emplace(index, tasks_.size());
        tasks_.push_back({&stage, &step});
      }
    }
    outcomes_.resize(tasks_.size());
    after_.resize(tasks_.size());
    if (fetches_target_base_early()) base_task_ = tasks_.size();
  }

  BuildResult run(const std::stop_token& stop) {
    unsigned jobs = request_.jobs ? request_.jobs : std::max(4u, std::thread::hardware_concurrency());
    run_graph(
        graph(), jobs, [this](std::size_t task, std::stop_token token) { work(task, std::move(token)); },
        [this](std::size_t task) { apply(task); }, stop);
    services_.save_contexts();
    BuildResult result = assemble(stop);
    if (tools_.cache_import) tools_.cache_import->keep_what_is_here(stop);
    return result;
  }

 private:
  struct Task {
    const StagePlan* stage;
    const BuildStep* step;
    std::size_t number() const { return static_cast<std::size_t>(step - stage->steps.data()); }
  };

  /// The task's own result now stands for the one below it in the same stage, which nobody asks for again.
  void apply(std::size_t task) {
    if (task >= outcomes_.size()) return;
    ++(outcomes_[task]->cached ? cached_ : run_);
    if (after_[task] && tasks_[task].number() > 0) after_[task - 1].reset();
  }

  /// Without a RUN nothing reads the base's bytes before the image is complete: they come beside the steps. A RUN
  /// fetches and unpacks in one stream.
  bool fetches_target_base_early() const {
    if (!request_.fetch_result) return false;
    const StagePlan* stage = &plan_.stages.at(plan_.target);
    for (;;) {
      for (const BuildStep& step : stage->steps) {
        if (std::holds_alternative<RunStep>(step.action)) return false;
      }
      const Input& base = plan_.inputs[stage->base];
      if (const auto* below = std::get_if<StageInput>(&base)) {
        stage = &plan_.stages.at(below->stage);
      } else {
        return std::holds_alternative<ImageInput>(base);
      }
    }
  }

  /// The last task of a stage; that of its base when it has no steps; nullopt when nothing must be done for it.
  std::optional<std::size_t> last_task(std::size_t stage) const {
    const StagePlan* at = &plan_.stages.at(stage);
    while (at->steps.empty()) {
      const auto* below = std::get_if<StageInput>(&plan_.inputs[at->base]);
      if (!below) return std::nullopt;
      at = &plan_.stages.at(below->stage);
    }
    return first_task_.at(at->index) + at->steps.size() - 1;
  }

  /// COPY --link does not look at what is below it, unless it asks there who a user is.
  static bool stands_alone(const BuildStep& step) {
    const auto* copy = std::get_if<CopyStep>(&step.action);
    return copy && copy->link && std::all_of(copy->chown.begin(), copy->chown.end(), [](char c) {
             return (c >= '0' && c <= '9') || c == ':';
           });
  }

  TaskGraph graph() const {
    TaskGraph graph;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      std::vector<std::size_t> needs;
      if (!stands_alone(*tasks_[i].step)) add_below(i, needs);
      for (InputId input : inputs_of(*tasks_[i].step)) {
        const auto* stage = std::get_if<StageInput>(&plan_.inputs[input]);
        if (auto last = stage ? last_task(stage->stage) : std::nullopt) add_with_alone(*last, needs);
      }
      std::sort(needs.begin(), needs.end());
      needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
      graph.needs.push_back(std::move(needs));
    }
    if (base_task_) graph.needs.emplace_back();
    return graph;
  }
  void add_below(std::size_t task, std::vector<std::size_t>& needs) const {
    if (tasks_[task].number() > 0) {
      add_with_alone(task - 1, needs);
    } else if (const auto* below = std::get_if<StageInput>(&plan_.inputs[tasks_[task].stage->base])) {
      if (auto last = last_task(below->stage)) add_with_alone(*last, needs);
    }
  }
  /// A task that stands alone does not wait for the one below it: who needs it waits for both.
  void add_with_alone(std::size_t task, std::vector<std::size_t>& needs) const {
    needs.push_back(task);
    if (stands_alone(*tasks_[task].step)) add_below(task, needs);
  }

  /// The file system of a stage before its step `count`.
  FileSystem files_of(const StagePlan& stage, std::size_t count) const {
    std::size_t first = count == 0 ? 0 : first_task_.at(stage.index), from = count;
    while (from > 0 && !after_[first + from - 1]) --from;
    FileSystem files = from > 0 ? *after_[first + from - 1] : base_files(stage);
    for (std::size_t i = from; i < count; ++i) files = files.with(outcomes_[first + i]->made);
    return files;
  }
  /// A context's files come with the stage's first step.
  FileSystem base_files(const StagePlan& stage) const {
    if (std::holds_alternative<ContextInput>(plan_.inputs[stage.base])) return {};
    return files_of(stage.base);
  }
  FileSystem files_of(InputId input) const {
    if (const auto* stage = std::get_if<StageInput>(&plan_.inputs[input])) {
      const StagePlan& plan = plan_.stages.at(stage->stage);
      return files_of(plan, plan.steps.size());
    }
    return services_.outside_files(input);
  }

  void work(std::size_t task, std::stop_token stop) {
    if (task == base_task_) {
      fetch_blobs(files_of(target_base()), stop);
      return;
    }
    const BuildStep& step = *tasks_[task].step;
    Activity activity(tools_.progress, step.label);
    try {
      StepOutcome outcome = at_lines(services_.source, step.lines, [&] { return carry_out(task, activity, stop); });
      if (outcome.cached) {
        activity.cached();
      } else {
        activity.done();
      }
      outcomes_[task] = std::move(outcome);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::cancelled) activity.failed(e.what());
      throw;
    } catch (const std::exception& e) {
      activity.failed(e.what());
      throw;
    }
  }

  StepOutcome carry_out(std::size_t task, Activity& activity, const std::stop_token& stop) {
    const auto& [stage, step] = tasks_[task];
    if (stands_alone(*step)) {
      return run_copy(*step, {}, files_of(std::get<CopyStep>(step->action).from), services_, activity, stop);
    }
    FileSystem below = files_of(*stage, tasks_[task].number());
    StepOutcome outcome = carry_out(*step, below, activity, stop);
    after_[task] = below.with(outcome.made);
    return outcome;
  }
  StepOutcome carry_out(const BuildStep& step, const FileSystem& below, Activity& activity,
                        const std::stop_token& stop) {
    if (const auto* copy = std::get_if<CopyStep>(&step.action)) {
      return run_copy(step, below, files_of(copy->from), services_, activity, stop);
    }
    if (std::holds_alternative<WorkdirStep>(step.action)) return run_workdir(step, below, services_, activity, stop);
    std::map<InputId, FileSystem> inputs;
    for (InputId input : inputs_of(step)) inputs.emplace(input, files_of(input));
    return run_run(step, below, inputs, services_, activity, stop);
  }

  /// What is below the target and all stages that it begins with.
  InputId target_base() const {
    InputId base = plan_.stages.at(plan_.target).base;
    while (const auto* stage = std::get_if<StageInput>(&plan_.inputs[base])) base = plan_.stages.at(stage->stage).base;
    return base;
  }
  std::optional<BuildResult::Base> base_of_result(const FileSystem& files) const {
    const auto* image = std::get_if<ImageInput>(&plan_.inputs[target_base()]);
    if (!image) return std::nullopt;
    return BuildResult::Base{image->name, files.base, files.base_source};
  }
  /// Bytes of the result that are not here yet.
  void fetch_blobs(const FileSystem& files, const std::stop_token& stop) {
    auto is_here = [&](const Layer& layer) {
      return tools_.store.blobs().find_size(layer.blob.digest) == layer.blob.size_bytes;
    };
    if (std::ranges::all_of(files.layers, is_here)) return;
    Activity activity(tools_.progress, files.made_at.empty()
                                           ? fmt::format("[internal] fetch {}", files.base->manifest.digest.str())
                                           : "fetching layers of the result");
    services_.fetch(files, LayerNeed::blob, activity, stop);
    activity.done();
  }

  /// What a cache can be told: each step with its key. Those below the target in its own stages make the result.
  std::vector<BuiltStep> built_steps() const {
    std::set<std::size_t> of_result;
    for (std::size_t stage = plan_.target;;) {
      of_result.insert(stage);
      const auto* below = std::get_if<StageInput>(&plan_.inputs[plan_.stages.at(stage).base]);
      if (!below) break;
      stage = below->stage;
    }
    std::vector<BuiltStep> steps;
    for (std::size_t i = 0; i < outcomes_.size(); ++i) {
      const StepOutcome& outcome = outcomes_[i].value();
      steps.push_back({outcome.key.value(), outcome.quick_key, outcome.made.layer, outcome.made.made_at,
                       of_result.contains(tasks_[i].stage->index)});
    }
    return steps;
  }

  BuildLock used_from_outside() const {
    BuildLock used{.images = {}, .urls = services_.used_urls(), .contexts = {}};
    for (InputId id = 0; id < plan_.inputs.size(); ++id) {
      if (const auto* image = std::get_if<ImageInput>(&plan_.inputs[id])) {
        const Digest& digest = plan_.images.at(id).manifest.digest;
        if (image->source == &tools_.images) {
          Reference name = image->name.with_default_tag();
          used.images.push_back({name, image->platform, name.with_digest(digest)});
        } else {
          used.contexts.push_back({image->name.familiar(), digest});
        }
      } else if (const auto* context = std::get_if<ContextInput>(&plan_.inputs[id])) {
        const FileSystem& files = services_.outside_files(id);  // of an archive; a folder has none
        if (!files.layers.empty()) used.contexts.push_back({context->name, files.layers[0].diff_id.digest});
      }
    }
    return used;
  }

  std::vector<BuiltMount> built_mounts() const {
    std::vector<BuiltMount> mounts;
    for (const Task& task : tasks_) {
      const auto* run = std::get_if<RunStep>(&task.step->action);
      for (std::size_t i = 0; run && i < run->mounts.size(); ++i) {
        const auto* cache = std::get_if<run_mount::Cache>(&run->mounts[i].mount);
        if (!cache) continue;
        bool alone = !run->mounts[i].input;
        mounts.push_back({cache->id, alone ? std::optional(cache_mounts::folder_of(*cache)) : std::nullopt});
      }
    }
    return mounts;
  }

  BuildResult assemble(const std::stop_token& stop) {
    const StagePlan& target = plan_.stages.at(plan_.target);
    FileSystem files = files_of(target, target.steps.size());
    if (request_.fetch_result) fetch_blobs(files, stop);
    std::vector<BuiltStep> steps = built_steps();
    Activity activity(tools_.progress, "exporting to image");
    ImageConfig image = target.config;
    finish_config(image, files, services_.new_file_time());
    std::string text = render(image);
    if (request_.inline_cache) text = with_inline_cache(text, cache_document(steps, CacheMode::min));
    Descriptor config = write_blob(tools_.store.blobs(), text, std::string(media_type::kOciConfig));
    Manifest manifest = make_manifest(config, files.layers, request_.annotations);
    Descriptor written = write_blob(tools_.store.blobs(), render(manifest), std::string(media_type::kOciManifest));
    activity.done();
    return {.manifest = std::move(written),
            .config_digest = config.digest,
            .config = std::move(image),
            .layers = files.layers,
            .base_layers = files.layers.size() - files.made_at.size(),
            .base = base_of_result(files),
            .steps = std::move(steps),
            .cache_mounts = built_mounts(),
            .used = used_from_outside(),
            .source_date_epoch = plan_.source_date_epoch,
            .warnings = plan_.warnings,
            .steps_cached = cached_,
            .steps_run = run_};
  }

  const BuildRequest& request_;
  const BuildPlan& plan_;
  const BuildTools& tools_;
  StepServices services_;
  std::vector<Task> tasks_;
  std::map<std::size_t, std::size_t> first_task_;  ///< By stage.
  std::vector<std::optional<StepOutcome>> outcomes_;
  std::vector<std::optional<FileSystem>> after_;  ///< Unset for tasks that stand alone.
  std::optional<std::size_t> base_task_;
  unsigned cached_ = 0, run_ = 0;
};

}  // namespace

BuildResult build(const BuildRequest& request, const BuildTools& tools, std::stop_token stop) {
  auto source = std::make_shared<const SourceText>(SourceText{request.dockerfile_name, request.dockerfile_text});
  Dockerfile file = parse_dockerfile(source);
  TaskGroup beside(1, stop);  // caches are asked while images are
  if (tools.cache_import)
    beside.add([&] { tools.cache_import->load(request.platform.value_or(Platform::host()), beside.stop()); });
  BuildPlan plan = plan_build(file, request, tools.store, tools.images, tools.progress, stop);
  beside.join();
  check_contexts(plan, request, tools.images);
  for (const std::string& warning : plan.warnings) tools.progress.warn(warning);
  for (;;) {
    try {
      return BuildRun(request, plan, tools, source).run(stop);
    } catch (const Error& e) {
      // What an imported cache was believed to have it has not, and is asked no more.
      if (e.kind() == ErrorKind::cancelled || !tools.cache_import || !tools.cache_import->lost_any()) throw;
      tools.progress.warn("the build begins anew without it");
    }
  }
}

}  // namespace imgb
