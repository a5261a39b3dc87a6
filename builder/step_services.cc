#include "builder/step_services.h"

#include <fcntl.h>

#include "builder/cache_import.h"
#include "builder/step_turn.h"
#include "core/base/error.h"
#include "layerfs/ingest.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxAccountFileBytes = 4ULL << 20;

const FolderContext* folder_of(const BuildRequest& request, const ContextInput& input) {
  if (input.name.empty()) return std::get_if<FolderContext>(&request.context);
  return std::get_if<FolderContext>(&request.named_contexts.at(input.name));
}

const ArchiveContext* archive_of(const BuildRequest& request, const ContextInput& input) {
  if (input.name.empty()) return std::get_if<ArchiveContext>(&request.context);
  return std::get_if<ArchiveContext>(&request.named_contexts.at(input.name));
}

}  // namespace

FileSystem FileSystem::with(const MadeLayer& top) const {
  FileSystem out = *this;
  out.layers.push_back(top.layer);
  out.made_at.push_back(top.made_at);
  out.stack = stack_key(stack, key_of(top.layer));
  return out;
}

OpenContext::OpenContext(const FolderContext& folder, Store& store)
    : folder_(folder), known_(store.cache().find(CacheTable::context_stat, folder.id).value_or("")) {}

void OpenContext::save(Store& store) {
  if (known_.changed()) store.cache().put(CacheTable::context_stat, folder_.id, known_.render());
}

StepServices::StepServices(const BuildRequest& build_request, const BuildPlan& build_plan,
                           const BuildTools& build_tools, SharedSource dockerfile)
    : request(build_request),
      plan(build_plan),
      tools(build_tools),
      source(std::move(dockerfile)),
      cache(build_tools.store) {
  for (InputId i = 0; i < plan.inputs.size(); ++i) outside_.push_back(open_outside(i));
}

FileTime StepServices::new_file_time() const {
  return plan.source_date_epoch ? nanoseconds_of(*plan.source_date_epoch) : request.now;
}

LayerOptions StepServices::layer_options() const {
  LayerOptions options = request.layers;
  if (plan.source_date_epoch) options.max_mtime = nanoseconds_of(*plan.source_date_epoch);
  return options;
}

void StepServices::fetch(const FileSystem& files, LayerNeed need, Activity& activity, const std::stop_token& stop) {
  fetch_base(files, need, activity, stop);
  if (!tools.cache_import) return;
  tools.cache_import->fetch(files.layers, need != LayerNeed::unpacked, activity, stop);
}

template <class Unpack>
auto StepServices::checking(const FileSystem& files, Unpack unpack) {
  if (!tools.cache_import) return unpack();
  try {
    auto result = unpack();
    tools.cache_import->confirm(files.layers);
    return result;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::corrupt || e.kind() == ErrorKind::input)
      tools.cache_import->accuse(files.layers, e.what());
    throw;
  }
}

void StepServices::fetch_base(const FileSystem& files, LayerNeed need, Activity& activity,
                              const std::stop_token& stop) {
  if (!files.base) return;
  auto key = std::pair(files.base->manifest.digest.str(), need);
  if (fetched_.with([&](auto& done) { return done.contains(key); })) return;
  files.base_source->fetch(*files.base, need, activity, stop);
  fetched_.with([&](auto& done) { done.insert(key); });
}

std::shared_ptr<const Toc> StepServices::toc(const Layer& layer, const std::stop_token& stop) {
  LayerKey key = key_of(layer);
  auto known = tocs_.with([&](auto& tocs) {
    auto at = tocs.find(key);
    return at == tocs.end() ? nullptr : at->second;
  });
  if (known) return known;
  auto loaded = toc_of(tools.store, layer, stop);
  tocs_.with([&](auto& tocs) { tocs.emplace(key, loaded); });
  return loaded;
}

TreeView StepServices::view(const FileSystem& files, Activity& activity, const std::stop_token& stop) {
  fetch(files, LayerNeed::contents, activity, stop);
  TreeView view;
  for (const Layer& layer : files.layers) view = view.with(toc(layer, stop));
  return view;
}

std::vector<std::string> StepServices::unpack(const FileSystem& files, Activity& activity,
                                              const std::stop_token& stop) {
  if (!tools.snapshots.has(files.layers)) fetch(files, LayerNeed::unpacked, activity, stop);
  return checking(files, [&] {
    return tools.snapshots.ensure(files.layers, stream_from(tools.store.blobs()), request.limits_of_ingest, stop);
  });
}

SnapshotStore::Root StepServices::make_root(const FileSystem& files, Activity& activity, const std::stop_token& stop) {
  // A tree that is there may be taken by another one at any moment: then the layers are needed after all.
  bool trees = tools.snapshots.form() == SnapshotForm::trees;
  if (trees || !tools.snapshots.has(files.layers)) fetch(files, LayerNeed::unpacked, activity, stop);
  return checking(files, [&] {
    return tools.snapshots.make_root(files.layers, stream_from(tools.store.blobs()), request.limits_of_ingest,
                                     SnapshotStore::Use::layer, stop);
  });
}

std::optional<std::string> StepServices::find_text(const FileSystem& files, const RootedPath& path, Activity& activity,
                                                   const std::stop_token& stop) {
  TreeView tree = view(files, activity, stop);
  auto node = tree.find(tree.resolve(path));
  if (!node || node->meta.type != FileType::regular) return std::nullopt;
  if (node->meta.size_bytes > kMaxAccountFileBytes) {
    throw_error(ErrorKind::input, "{} of the image is too long ({} bytes)", path.str(), node->meta.size_bytes);
  }
  if (auto text = tools.snapshots.find_unpacked(files.layers, *node, kMaxAccountFileBytes, stop)) return text;
  return read_from_layer(tools.store, files.layers.at(node->data_layer), *node, kMaxAccountFileBytes);
}

OpenContext* StepServices::find_folder(const ContextInput& input) {
  const FolderContext* folder = folder_of(request, input);
  if (!folder) return nullptr;
  return contexts_.with([&](auto& open) {
    auto& context = open[input.name];
    if (!context) context = std::make_shared<OpenContext>(*folder, tools.store);
    return context.get();
  });
}

FileSystem StepServices::open_outside(InputId input) const {
  const Input& from = plan.inputs.at(input);
  if (const auto* image = std::get_if<ImageInput>(&from)) {
    auto base = std::make_shared<const BaseImage>(plan.images.at(input));
    return {base->layers, stack_key(base->layers), base, image->source, {}};
  }
  if (const auto* context = std::get_if<ContextInput>(&from)) {
    if (const ArchiveContext* archive = archive_of(request, *context)) return FileSystem{}.with({archive->layer, 0});
  }
  return {};
}

const std::string* StepServices::find_ignore_text(const ContextInput& input) const {
  const FolderContext* folder = folder_of(request, input);
  const ArchiveContext* archive = archive_of(request, input);
  const std::string* text = folder ? &folder->ignore : archive ? &archive->ignore : nullptr;
  return text && !text->empty() ? text : nullptr;
}

void StepServices::note_url(BuildLock::Url url) {
  used_urls_.with([&](auto& all) { all.push_back(std::move(url)); });
}
std::vector<BuildLock::Url> StepServices::used_urls() const {
  return used_urls_.with([](const auto& all) { return all; });
}

bool StepServices::imports_cache() const { return tools.cache_import && !tools.cache_import->is_empty(); }

const IgnoreMatcher* StepServices::find_ignore(const ContextInput& input) {
  const std::string* text = find_ignore_text(input);
  if (!text) return nullptr;
  return ignores_.with([&](auto& ignores) {
    auto& matcher = ignores[input.name];
    if (!matcher) matcher = std::make_shared<const IgnoreMatcher>(parse_ignore_file(*text));
    return matcher.get();
  });
}

StepOutcome StepServices::once(const Digest& key, const std::function<MadeLayer()>& make) {
  std::promise<MadeLayer> ours;
  std::shared_future<MadeLayer> theirs;
  flights_.with([&](auto& flights) {
    auto [at, is_first] = flights.try_emplace(key);
    if (is_first) {
      at->second = ours.get_future().share();
    } else {
      theirs = at->second;
    }
  });
  if (theirs.valid()) return {theirs.get(), true};
  try {
    MadeLayer made = make();
    ours.set_value(made);
    return {std::move(made), false};
  } catch (...) {
    ours.set_exception(std::current_exception());
    throw;
  }
}

StepOutcome StepServices::once_in_store(const Digest& key, const std::function<MadeLayer()>& make, Activity& activity,
                                        const std::stop_token& stop) {
  bool found = false;
  StepOutcome outcome = once(key, [&] {
    StepTurn turn(tools.store, key, activity, stop);
    auto theirs = cache.find(key);
    found = theirs.has_value();
    return found ? *theirs : make();
  });
  outcome.cached |= found;
  return outcome;
}

void StepServices::report_failure(const StepSpec& spec, const Error& failure) {
  if (request.on_run_failure && !failure_reported_.test_and_set()) request.on_run_failure(spec, failure);
}

void StepServices::save_contexts() {
  contexts_.with([&](auto& open) {
    for (auto& [name, context] : open) context->save(tools.store);
  });
}

}  // namespace imgb
