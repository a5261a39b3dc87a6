#include "cli/build_caches.h"

#include <algorithm>

#include "builder/cache_mounts.h"

#include "cli/local_cache.h"
#include "cli/registry_cache.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

BuildCaches::BuildCaches(CliEnv& env, RegistryAccess& access, const BuildFlags& flags) : env_(env), access_(access) {
  for (const std::string& text : flags.cache_from) sources_.push_back(make_remote(parse_cache_from(text)));
  for (const std::string& text : flags.cache_to) {
    CacheToSpec spec = parse_cache_to(text);
    auto remote = spec.type == CacheSpec::Type::in_image ? nullptr : make_remote(spec);
    targets_.push_back({std::move(spec), std::move(remote)});
  }
  if (sources_.empty()) return;
  std::vector<CacheRemote*> all;
  for (const auto& source : sources_) all.push_back(source.get());
  import_.emplace(env.store(), std::move(all), env.progress());
}

std::unique_ptr<CacheRemote> BuildCaches::make_remote(const CacheSpec& spec) {
  if (spec.type == CacheSpec::Type::local) return std::make_unique<LocalCache>(env_.store(), spec);
  return std::make_unique<RegistryCache>(env_.store(), access_, mounts_, *spec.ref);
}

void BuildCaches::prepare(BuildRequest& request) const {
  bool is_chosen = request.layers.level || request.layers.compression != LayerOptions{}.compression;
  for (const Target& target : targets_) {
    request.inline_cache |= target.spec.type == CacheSpec::Type::in_image;
    if (!target.spec.compression || is_chosen) continue;
    request.layers.compression = *target.spec.compression;
    request.layers.level = target.spec.level;
    is_chosen = true;
  }
}

MountSources& BuildCaches::mounts() {
  if (!std::exchange(knows_store_, true)) mounts_.add_store(env_.store());
  return mounts_;
}

BlobsWithinReach BuildCaches::within_reach(const BuildResult& result, const std::stop_token& stop) {
  BlobsWithinReach blobs(env_.store().blobs());
  for (std::size_t i = 0; result.base && i < result.base_layers; ++i) {
    const Descriptor& blob = result.layers[i].blob;
    mounts_.add(result.base->name, blob.digest);
    blobs.add(blob, [&result, this, stop](const Descriptor&) {
      Activity activity(env_.progress(), "fetching " + result.base->name.familiar());
      result.base->source->fetch(*result.base->image, LayerNeed::blob, activity, stop);
      activity.done();
    });
  }
  for (const BuiltStep& step : result.steps) reach(blobs, step.layer, stop);
  return blobs;
}

/// Of an imported cache: there when it is asked for.
void BuildCaches::reach(BlobsWithinReach& blobs, const Layer& layer, const std::stop_token& stop) {
  CacheRemote* remote = import_ ? import_->find_remote(layer.blob.digest) : nullptr;
  if (!remote) return;
  if (auto repository = remote->repository()) mounts_.add(*repository, layer.blob.digest);
  blobs.add(layer.blob, [layer, remote, this, stop](const Descriptor&) {
    Activity activity(env_.progress(), "fetching from cache " + remote->name());
    import_->fetch({&layer, 1}, true, activity, stop);
    activity.done();
  });
}

/// What is here of the cache mounts, or was imported and never needed.
void BuildCaches::add_mounts(CacheDocument& document, const CacheToSpec& spec, const BuildResult& result,
                             BlobsWithinReach& blobs, const std::stop_token& stop) {
  for (const std::string& id : spec.mounts) {
    auto mount = std::ranges::find(result.cache_mounts, id, &BuiltMount::id);
    auto warn = [&](std::string_view why) {
      env_.progress().warn(fmt::format("cache mount {} is not exported: {}", printable(id), why));
    };
    if (mount == result.cache_mounts.end()) {
      warn("no step of this build has it");
      continue;
    }
    if (!mount->folder) {
      warn("it begins with what its from= shows");
      continue;
    }
    auto layer = pack_cache_mount(env_.store(), *mount->folder, {}, stop);
    if (!layer && import_) layer = import_->find_mount(*mount->folder);
    if (!layer) {
      warn("it is not here");
      continue;
    }
    reach(blobs, *layer, stop);
    document.mounts.push_back({id, *mount->folder, document.layers.size()});
    document.layers.push_back(*layer);
  }
  document = canonical(document);
}

void BuildCaches::export_all(const BuildResult& result, BlobsWithinReach& blobs, const std::stop_token& stop) {
  for (const Target& target : targets_) {
    if (!target.remote) continue;
    if (target.spec.type == CacheSpec::Type::registry) mounts();
    CacheDocument document = cache_document(result.steps, target.spec.mode);
    try {
      add_mounts(document, target.spec, result, blobs, stop);
      export_cache(document, *target.remote, env_.store(), blobs, env_.progress(), stop);
    } catch (Error& e) {
      e.add_frame("exporting cache to " + target.remote->name());
      if (!target.spec.ignore_error || e.kind() == ErrorKind::cancelled) throw;
      env_.progress().warn(e.what());
    }
  }
}

}  // namespace imgb
