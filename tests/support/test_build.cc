#include "tests/support/test_build.h"

#include <fcntl.h>

#include <algorithm>

#include "builder/cache_import.h"
#include "core/base/error.h"
#include "layerfs/ingest.h"
#include "tests/support/validate_image.h"

namespace imgb {

void FakeImages::add(std::string_view name, BaseImage image) {
  images_.insert_or_assign(Reference::parse(name).with_default_tag().canonical(), std::move(image));
}

BaseImage FakeImages::resolve(const Reference& name, const Platform&, PullPolicy, Activity&, std::stop_token) {
  resolved.with([&](auto& names) { names.push_back(name.canonical()); });
  auto at = images_.find(name.canonical());
  if (name.digest())
    at = std::ranges::find_if(images_,
                              [&](const auto& entry) { return entry.second.manifest.digest == *name.digest(); });
  if (at == images_.end()) throw_error(ErrorKind::not_found, "no image {}", name.familiar());
  return at->second;
}

void FakeImages::fetch(const BaseImage&, LayerNeed need, Activity&, std::stop_token) {
  fetched.with([&](auto& needs) { needs.push_back(need); });
}

StepResult FakeRunner::run(const StepSpec& spec, Sink& output, std::stop_token) {
  specs.with([&](auto& all) { all.push_back(spec); });
  StepResult result;
  if (command) result.status.code = command(spec, spec.root.snapshots->open_dir(spec.root.upper), output);
  return result;
}

RemoteFileSource::File FakeFiles::fetch(const std::string& url, const std::optional<Validators>& known,
                                        const std::vector<std::string>&, Sink& into, Activity&, std::stop_token) {
  auto at = files.find(url);
  if (at == files.end()) throw_error(ErrorKind::not_found, "{}: 404", url);
  const Served& file = at->second;
  if (known && !file.etag.empty() && known->etag == file.etag) return {.unchanged = true};
  ++downloads;
  into.write(as_bytes(file.content));
  return {.validators = {file.etag, ""}, .mtime_seconds = file.mtime_seconds};
}

void RecordingProgress::emit(int activity, Event event) noexcept {
  state_.with([&](State& state) {
    if (auto* started = std::get_if<event::Started>(&event)) state.labels[activity] = started->label;
    if (auto* note = std::get_if<event::Note>(&event)) state.notes.push_back(note->text);
    if (auto* warning = std::get_if<event::Warning>(&event)) state.warnings.push_back(warning->text);
    if (auto* end = std::get_if<event::Finished>(&event))
      state.ended.emplace_back(end->outcome, state.labels[activity]);
  });
}
int RecordingProgress::next_activity() noexcept {
  return state_.with([](State& state) { return ++state.last; });
}
std::vector<std::string> RecordingProgress::notes() const {
  return state_.with([](const State& state) { return state.notes; });
}
std::vector<std::string> RecordingProgress::warnings() const {
  return state_.with([](const State& state) { return state.warnings; });
}
std::vector<std::string> RecordingProgress::ended(event::Outcome outcome) const {
  return state_.with([&](const State& state) {
    std::vector<std::string> labels;
    for (const auto& [how, label] : state.ended) {
      if (how == outcome) labels.push_back(label);
    }
    return labels;
  });
}

TestBuild::TestBuild() : store(Store::open(root.path() / "store")), snapshots(store) {}

void TestBuild::write(std::string_view path, std::string_view content, std::uint32_t mode) {
  Dir dir = context();
  std::size_t slash = path.rfind('/');
  if (slash != std::string_view::npos) dir.make_dirs(path.substr(0, slash), 0755);
  dir.remove(path);
  Fd file = dir.open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
  write_all(file, content, path);
  dir.set_mode(path, mode);
  dir.set_mtime(path, 1'600'000'000'000'000'001);
}

BuildRequest TestBuild::request(std::string dockerfile) const {
  BuildRequest request;
  request.dockerfile_text = std::move(dockerfile);
  request.context = FolderContext{context(), context_.path().string(), {}};
  request.platform = Platform::parse("linux/amd64");
  request.now = now;
  return request;
}

BuildResult TestBuild::run(const BuildRequest& request) {
  progress = std::make_unique<RecordingProgress>();
  std::optional<CacheImport> import;
  if (cache_from) import.emplace(store, std::vector<CacheRemote*>{cache_from}, *progress);
  BuildTools tools{store, snapshots, runner, images, files, *progress, import ? &*import : nullptr};
  BuildResult result = imgb::build(request, tools, {});
  if (request.fetch_result) validate_image(store, result.manifest);
  return result;
}

TreeView TestBuild::tree(const BuildResult& result) {
  TreeView view;
  for (const Layer& layer : result.layers) view = view.with(toc_of(store, layer, {}));
  return view;
}

std::string TestBuild::read(const BuildResult& result, std::string_view path) {
  auto node = tree(result).find(RootedPath::clean(path));
  if (!node) throw_error(ErrorKind::not_found, "{} is not in the image", path);
  return read_from_layer(store, result.layers.at(node->data_layer), *node, 1 << 20);
}

BaseImage TestBuild::make_base(const TreeBuilder& tree, ImageConfig config) {
  Layer layer = tree.write_layer(store);
  config.platform = Platform::parse("linux/amd64");
  config.diff_ids = {layer.diff_id};
  config.history = {History{.created = 1, .created_by = "base"}};
  Descriptor manifest{std::string(media_type::kOciManifest), Digest::of(layer.diff_id.digest.str()), 1};
  return {manifest, std::move(config), {layer}};
}

}  // namespace imgb
