#include "builder/cache_import.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/ingest.h"

namespace imgb {
namespace {

constexpr unsigned kTransfersAtOnce = 4;
constexpr std::string_view kBuildKitConfig = "application/vnd.buildkit.cacheconfig.v0";

CacheDocument read_content(const CacheRemote::Content& content) {
  const Manifest& manifest = content.manifest;
  if (manifest.config.media_type == media_type::kCacheConfig)
    return parse_cache_document(content.config, manifest.layers);
  if (manifest.config.media_type == kBuildKitConfig)
    throw_error(ErrorKind::unsupported, "it is a cache of BuildKit, which imgb does not read");
  if (auto found = find_inline_cache(content.config, manifest.layers)) return *std::move(found);
  throw_error(ErrorKind::not_found, "it is an image without an inline cache");
}

bool is_remotes_fault(const Error& error) {
  return error.kind() != ErrorKind::cancelled && error.kind() != ErrorKind::system &&
         error.kind() != ErrorKind::internal;
}

}  // namespace

void CacheImport::load(const Platform& platform, const std::stop_token& stop) {
  if (std::exchange(loaded_, true)) return;
  TaskGroup group(kTransfersAtOnce, stop);
  for (std::size_t i = 0; i < remotes_.size(); ++i) group.add([&, i] { load(i, platform, group.stop()); });
  group.join();
}

void CacheImport::load(std::size_t number, const Platform& platform, const std::stop_token& stop) {
  CacheRemote& remote = *remotes_[number];
  Activity activity(progress_, "importing cache from " + remote.name());
  try {
    auto content = remote.find(platform, activity, stop);
    if (!content) throw_error(ErrorKind::not_found, "there is none");
    CacheDocument document = read_content(*content);
    activity.note(fmt::format("{} steps in {} layers", document.steps.size(), document.layers.size()));
    add(number, document);
    activity.done();
  } catch (const Error& e) {
    if (!is_remotes_fault(e)) throw;
    activity.failed(e.what());
    give_up(number, e.what());
  }
}

void CacheImport::add(std::size_t remote, const CacheDocument& document) {
  state_.with([&](State& state) {
    auto put = [&](const Digest& key, const CacheDocument::Step& step) {
      Entry entry{remote, step, document.layers[step.layer]};
      auto [at, is_new] = state.steps.try_emplace(key, entry);
      if (!is_new && remote < at->second.remote) at->second = std::move(entry);
    };
    for (const CacheDocument::Step& step : document.steps) {
      put(step.key, step);
      if (step.quick_key) put(*step.quick_key, step);
    }
    for (const CacheDocument::Mount& mount : document.mounts) {
      MountEntry entry{remote, document.layers[mount.layer]};
      auto [at, is_new] = state.mounts.try_emplace(mount.name, entry);
      if (!is_new && remote < at->second.remote) at->second = std::move(entry);
    }
    for (const Layer& layer : document.layers) state.where[layer.blob.digest].push_back(remote);
  });
}

void CacheImport::give_up(std::size_t remote, const std::string& why) {
  bool is_news = state_.with([&](State& state) {
    for (auto& [key, believed] : state.used)
      std::erase_if(believed, [&](const State::Believed& one) { return one.remote == remote; });
    std::erase_if(state.used, [](const auto& entry) { return entry.second.empty(); });
    return state.out_of_use.insert(remote).second;
  });
  if (is_news) progress_.warn(fmt::format("cache {} is not used: {}", remotes_[remote]->name(), why));
}

bool CacheImport::is_empty() const {
  return state_.with(
      [&](const State& state) { return state.steps.empty() || state.out_of_use.size() == remotes_.size(); });
}

std::optional<CacheImport::Found> CacheImport::find(const Digest& key, const MadeUpon& upon) {
  return state_.with([&](State& state) -> std::optional<Found> {
    auto at = state.steps.find(key);
    if (at == state.steps.end() || state.out_of_use.contains(at->second.remote)) return std::nullopt;
    const Entry& entry = at->second;
    Found found{entry.step.key, entry.step.quick_key, {entry.layer, entry.step.made_at, upon}};
    state.used[key_of(entry.layer)].push_back({entry.remote, found});
    return found;
  });
}

CacheRemote* CacheImport::find_remote(const Digest& blob) const {
  return state_.with([&](const State& state) -> CacheRemote* {
    auto at = state.where.find(blob);
    if (at == state.where.end()) return nullptr;
    for (std::size_t remote : at->second)
      if (!state.out_of_use.contains(remote)) return remotes_[remote];
    return nullptr;
  });
}

bool CacheImport::is_here(const Layer& layer) const {
  return store_.blobs().find_size(layer.blob.digest) == layer.blob.size_bytes;
}

void CacheImport::fetch(std::span<const Layer> layers, bool check, Activity& activity, const std::stop_token& stop) {
  std::vector<const Layer*> wanted;
  for (const Layer& layer : layers) {
    auto [known, believed] = state_.with([&](const State& state) {
      return std::pair(state.where.contains(layer.blob.digest), state.used.contains(key_of(layer)));
    });
    if (known && (believed || !is_here(layer))) wanted.push_back(&layer);
  }
  if (wanted.empty()) return;
  TaskGroup group(kTransfersAtOnce, stop);
  for (const Layer* layer : wanted) {
    group.add([&, layer, stopping = group.stop()] {
      if (try_fetch(*layer, check, activity, stopping)) return;
      state_.with([](State& state) { state.lost = true; });
      throw_error(ErrorKind::unavailable, "layer {} of the build cache cannot be had", layer->blob.digest.str());
    });
  }
  group.join();
}

bool CacheImport::try_fetch(const Layer& layer, bool check, Activity& activity, const std::stop_token& stop) {
  auto where = state_.with([&](const State& state) { return state.where.at(layer.blob.digest); });
  for (std::size_t remote : where) {
    if (state_.with([&](const State& state) { return state.out_of_use.contains(remote); })) continue;
    try {
      get(layer, remote, check, activity, stop);
      return true;
    } catch (const Error& e) {
      if (!is_remotes_fault(e)) throw;
      give_up(remote, e.what());
    }
  }
  return false;
}

void CacheImport::get(const Layer& layer, std::size_t remote, bool check, Activity& activity,
                      const std::stop_token& stop) {
  if (!is_here(layer)) {
    remotes_[remote]->fetch(layer.blob, activity, stop);
    state_.with([&](State& state) { state.fetched_bytes += layer.blob.size_bytes; });
  }
  if (!check) return;
  scan_layer(store_, layer.blob, layer.diff_id, stream_from(store_.blobs()), {}, stop);
  confirm({&layer, 1});
}

void CacheImport::confirm(std::span<const Layer> layers) {
  StepCache cache(store_);
  for (const Layer& layer : layers) {
    auto believed = state_.with([&](State& state) { return state.used.extract(key_of(layer)); });
    if (believed.empty()) continue;
    store_.cache().together([&] {
      for (const auto& [remote, found] : believed.mapped()) {
        cache.put(found.key, found.made);
        if (found.quick_key) cache.put_quick(*found.quick_key, found.key);
      }
    });
  }
}

void CacheImport::accuse(std::span<const Layer> layers, const std::string& why) {
  for (const Layer& layer : layers) {
    auto where = state_.with([&](State& state) {
      auto at = state.where.find(layer.blob.digest);
      bool believed = at != state.where.end() && state.used.contains(key_of(layer));
      state.lost |= believed;
      return believed ? at->second : std::vector<std::size_t>{};
    });
    for (std::size_t remote : where) give_up(remote, why);
  }
}

void CacheImport::keep_what_is_here(const std::stop_token& stop) {
  auto believed = state_.with([](const State& state) {
    std::vector<Layer> layers;
    for (const auto& [key, found] : state.used) layers.push_back(found.front().found.made.layer);
    return layers;
  });
  std::erase_if(believed, [&](const Layer& layer) { return !is_here(layer); });
  if (believed.empty()) return;
  Activity activity(progress_, "checking what the imported cache said");
  try {
    fetch(believed, true, activity, stop);
    activity.done();
  } catch (const Error& e) {
    if (!is_remotes_fault(e)) throw;  // the result does not need it
    activity.failed(e.what());
    lost_any();
  }
}

bool CacheImport::lost_any() {
  return state_.with([](State& state) { return std::exchange(state.lost, false); });
}

std::optional<Layer> CacheImport::find_mount(const std::string& name) const {
  return state_.with([&](const State& state) -> std::optional<Layer> {
    auto at = state.mounts.find(name);
    if (at == state.mounts.end() || state.out_of_use.contains(at->second.remote)) return std::nullopt;
    return at->second.layer;
  });
}

std::optional<Layer> CacheImport::fetch_mount(const std::string& name, Activity& activity,
                                              const std::stop_token& stop) {
  auto layer = find_mount(name);
  return layer && try_fetch(*layer, true, activity, stop) ? layer : std::nullopt;
}

std::uint64_t CacheImport::fetched_bytes() const {
  return state_.with([](const State& state) { return state.fetched_bytes; });
}

}  // namespace imgb
