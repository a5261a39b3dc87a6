#include "builder/outside_needs.h"

#include <algorithm>

#include "builder/downloads.h"
#include "builder/expand.h"
#include "builder/plan_inputs.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::string relock_hint(const BuildRequest& request) {
  return fmt::format("imgb build --lock {} records what the build uses now", request.lock_name);
}

std::string at_line(const Dockerfile& file, LineRange lines) {
  return fmt::format("{}:{}", file.source->name, lines.first);
}

class Lister {
 public:
  Lister(const Dockerfile& file, const StageNames& names, const Environment& global,
         const std::set<std::size_t>& replaced, const BuildRequest& request, const Platform& target_platform,
         BaseImageSource& images)
      : file_(file),
        names_(names),
        global_(global),
        replaced_(replaced),
        target_platform_(target_platform),
        found_(request, images, target_platform, inputs_) {}

  void add_stage(std::size_t index) {
    const Stage& stage = file_.stages[index];
    if (replaced_.contains(index)) {
      keep(found_.add_context(*found_.find_context(stage.name), platform_of(stage)), stage.lines);
      return;
    }
    std::string base = base_name(file_, index, global_);
    if (!names_.find(base, index) && base != "scratch") keep(found_.add_named(base, platform_of(stage)), stage.lines);
    for (const Instruction& instruction : stage.instructions) add_instruction(instruction, index);
  }
  OutsideNeeds take() { return std::move(needs_); }

 private:
  Platform platform_of(const Stage& stage) const {
    std::string text = stage.platform ? expand_word(*stage.platform, global_, file_.escape) : "";
    return text.empty() ? target_platform_ : Platform::parse(text);
  }
  void add_instruction(const Instruction& instruction, std::size_t stage) {
    bool is_copy = std::holds_alternative<Copy>(instruction.what);
    for (std::string_view from : froms_of(instruction)) {
      if (from.empty() || from == "scratch" || names_.find_from(from, stage, is_copy)) continue;
      keep(found_.add_named(std::string(from), target_platform_), instruction.lines);
    }
    const auto* add = std::get_if<Add>(&instruction.what);
    for (std::size_t i = 0; add && i < add->sources.size(); ++i) {
      const std::string& source = add->sources[i].raw;
      if (is_url(source) && !is_git_url(source) && source.find('$') == std::string::npos)
        needs_.urls.push_back({source, instruction.lines});
    }
  }
  void keep(InputId id, LineRange lines) {
    const auto* image = std::get_if<ImageInput>(&inputs_[id]);
    if (image && listed_.insert(id).second) needs_.images.push_back({*image, lines});
  }

  const Dockerfile& file_;
  const StageNames& names_;
  const Environment& global_;
  const std::set<std::size_t>& replaced_;
  const Platform& target_platform_;
  std::vector<Input> inputs_;
  PlanInputs found_;
  std::set<InputId> listed_;
  OutsideNeeds needs_;
};

/// nullopt: all of it is here.
std::optional<std::string> find_lack(const OutsideNeeds::Image& need, const BuildRequest& request, Store& store,
                                     const std::stop_token& stop) {
  std::string shown = fmt::format("image {} for {}", need.image.name.familiar(), need.image.platform.str());
  NoProgress silent;
  Activity activity(silent, "");
  try {
    Reference name = locked_name(request, need.image.name, need.image.platform);
    BaseImage image = need.image.source->resolve(name, need.image.platform, PullPolicy::never, activity, stop);
    std::size_t missing = 0;
    for (const Layer& layer : image.layers) missing += store.blobs().find_size(layer.blob.digest) ? 0 : 1;
    if (missing == 0) return std::nullopt;
    return fmt::format("{} of {} layers of {}", missing, image.layers.size(), shown);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::not_found && e.kind() != ErrorKind::corrupt) throw;
    return shown;
  }
}

}  // namespace

OutsideNeeds list_outside_needs(const Dockerfile& file, const StageNames& names, std::size_t target,
                                const Environment& global, const std::set<std::size_t>& replaced,
                                const BuildRequest& request, const Platform& target_platform, BaseImageSource& images) {
  Lister lister(file, names, global, replaced, request, target_platform, images);
  for (std::size_t stage : names.needed_stages(target, global, replaced)) lister.add_stage(stage);
  return lister.take();
}

Reference locked_name(const BuildRequest& request, const Reference& name, const Platform& platform) {
  if (!request.lock) return name;
  if (const BuildLock::Image* entry = request.lock->find_image(name, platform)) return entry->image;
  Error error(ErrorKind::input,
              fmt::format("image {} for {} is not in {}", name.familiar(), platform.str(), request.lock_name));
  throw error.set_hint(relock_hint(request));
}

void check_outside_needs(const OutsideNeeds& needs, const Dockerfile& file, const BuildRequest& request, Store& store,
                         BaseImageSource& images, const std::stop_token& stop) {
  std::vector<std::string> unlocked, missing;
  for (const OutsideNeeds::Image& need : needs.images) {
    std::string place = fmt::format(" ({})", at_line(file, need.lines));
    bool of_registry = need.image.source == &images;
    if (of_registry && request.lock && !request.lock->find_image(need.image.name, need.image.platform)) {
      unlocked.push_back(
          fmt::format("image {} for {}{}", need.image.name.familiar(), need.image.platform.str(), place));
    } else if (of_registry && request.offline) {
      if (auto lack = find_lack(need, request, store, stop)) missing.push_back(*lack + place);
    }
  }
  for (const OutsideNeeds::Url& need : needs.urls) {
    std::string shown = fmt::format("{} ({})", printable(need.url, 200), at_line(file, need.lines));
    if (request.lock && !request.lock->find_url(need.url)) {
      unlocked.push_back(shown);
    } else if (request.offline && !has_download(need.url, request, store)) {
      missing.push_back(shown);
    }
  }
  if (!unlocked.empty()) {
    Error error(ErrorKind::input, fmt::format("{} does not have: {}", request.lock_name, join(unlocked, ", ")));
    throw error.set_hint(relock_hint(request));
  }
  if (!missing.empty()) {
    Error error(ErrorKind::not_found, fmt::format("not here, and --offline asks nobody: {}", join(missing, ", ")));
    throw error.set_hint(std::string(kOfflineHint));
  }
}

void check_contexts(const BuildPlan& plan, const BuildRequest& request, BaseImageSource& images) {
  if (!request.lock) return;
  auto check = [&](const std::string& name, const Digest& digest) {
    const BuildLock::Context* entry = request.lock->find_context(name);
    if (entry && entry->digest == digest) return;
    Error error(ErrorKind::input,
                fmt::format("{} is {}, {} {}", name.empty() ? "the context" : "context " + name, digest.str(),
                            request.lock_name, entry ? "says " + entry->digest.str() : "does not have it"));
    throw error.set_hint(relock_hint(request));
  };
  for (InputId id = 0; id < plan.inputs.size(); ++id) {
    if (const auto* context = std::get_if<ContextInput>(&plan.inputs[id])) {
      const BuildContext& main = request.context;
      const ArchiveContext* archive = context->name.empty()
                                          ? std::get_if<ArchiveContext>(&main)
                                          : std::get_if<ArchiveContext>(&request.named_contexts.at(context->name));
      if (archive) check(context->name, archive->layer.diff_id.digest);
    } else if (const auto* image = std::get_if<ImageInput>(&plan.inputs[id]); image && image->source != &images) {
      check(image->name.familiar(), plan.images.at(id).manifest.digest);
    }
  }
}

}  // namespace imgb
