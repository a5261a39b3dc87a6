#include "cli/image_source.h"

#include <atomic>

#include "core/base/error.h"
#include "core/store/local_image.h"
#include "core/store/publish.h"
#include "registry/fetch_url.h"

namespace imgb {
namespace {

constexpr unsigned kTransfersAtOnce = 4;

/// Hands a download's bytes on. What was handed on cannot be taken back: a download that starts again goes into the
/// store alone, and what read it from here is told to begin anew.
class ForwardingTap : public BlobTap {
 public:
  ForwardingTap(Sink& into, std::atomic<bool>& begin_anew) : into_(into), begin_anew_(begin_anew) {}
  void write(std::span<const std::byte> bytes) override {
    if (!begin_anew_) into_.write(bytes);
  }
  void restart() override { begin_anew_ = true; }

 private:
  Sink& into_;
  std::atomic<bool>& begin_anew_;
};

BaseImage base_image(Descriptor manifest, const Manifest& content, ImageConfig config) {
  std::vector<Layer> layers = layers_of(manifest.digest, content.layers, config);
  return {std::move(manifest), std::move(config), std::move(layers)};
}

}  // namespace

std::optional<BaseImage> ImageSource::find_local(const Reference& name, const Platform& platform) {
  auto local = find_local_image(store_, name.canonical(), platform);
  if (!local && name.digest()) local = find_by_digest(*name.digest(), platform);
  if (!local || !match_rank(platform, local->config.platform)) return std::nullopt;
  return base_image(local->descriptor, local->manifest, std::move(local->config));
}

/// A digest means itself, whatever the image is called here.
std::optional<LocalImage> ImageSource::find_by_digest(const Digest& digest, const Platform& platform) {
  auto size = store_.blobs().find_size(digest);
  if (!size) return std::nullopt;
  LocalImage local =
      read_local_image(store_.blobs(), {.media_type = {}, .digest = digest, .size_bytes = *size}, platform);
  local.descriptor.media_type = local.manifest.media_type;
  return local;
}

BaseImage ImageSource::get_remote(const Reference& name, const Platform& platform, Activity& activity,
                                  std::stop_token stop) {
  PulledImage pulled = origin_.get_metadata(name, platform, activity, std::move(stop));
  return base_image(pulled.manifest, pulled.content, std::move(pulled.config));
}

BaseImage ImageSource::resolve(const Reference& given, const Platform& platform, PullPolicy policy, Activity& activity,
                               std::stop_token stop) {
  Reference name = given.with_default_tag();
  if (names_ == Names::of_origin) {
    BaseImage image = get_remote(given, platform, activity, std::move(stop));
    remember(image, {name, false});
    return image;
  }
  std::exception_ptr broken;
  try {
    auto image = policy == PullPolicy::always ? std::nullopt : find_local(name, platform);
    if (image) {
      remember(*image, {name, false});
      return std::move(*image);
    }
  } catch (const Error& e) {
    bool can_be_had_again = e.kind() == ErrorKind::corrupt || e.kind() == ErrorKind::not_found;
    if (!can_be_had_again || policy == PullPolicy::never) throw;
    broken = std::current_exception();
  }
  if (policy == PullPolicy::never)
    throw_error(ErrorKind::not_found, "{} is not in the store for {}", name.familiar(), platform.str());
  return get_whole(name, platform, activity, std::move(stop), broken);
}

BaseImage ImageSource::get_whole(const Reference& name, const Platform& platform, Activity& activity,
                                 std::stop_token stop, const std::exception_ptr& broken) {
  try {
    BaseImage image = get_remote(name, platform, activity, std::move(stop));
    remember(image, {name, true});
    return image;
  } catch (const Error&) {
    if (broken) std::rethrow_exception(broken);  // says more than that no registry has it
    throw;
  }
}

void ImageSource::remember(const BaseImage& image, Origin origin) {
  origins_.with([&](auto& origins) { origins.insert_or_assign(image.manifest.digest, std::move(origin)); });
}

std::optional<ImageSource::Origin> ImageSource::origin_of(const BaseImage& image) {
  return origins_.with([&](auto& origins) -> std::optional<Origin> {
    auto found = origins.find(image.manifest.digest);
    return found == origins.end() ? std::nullopt : std::optional(found->second);
  });
}

void ImageSource::fetch(const BaseImage& image, LayerNeed need, Activity& activity, std::stop_token stop) {
  if (need != LayerNeed::blob) fetch_contents(image, need, activity, stop);
  fetch_blobs(image, activity, stop);
  auto origin = origin_of(image);
  if (origin && origin->keep_name) {
    publish(store_, image.manifest, std::span(&origin->name, 1));
    remember(image, {origin->name, false});
  }
}

void ImageSource::fetch_blobs(const BaseImage& image, Activity& activity, const std::stop_token& stop) {
  std::vector<const Layer*> missing;
  for (const Layer& layer : image.layers)
    if (!store_.blobs().find_size(layer.blob.digest)) missing.push_back(&layer);
  if (missing.empty()) return;
  auto origin = origin_of(image);
  if (!origin) throw_error(ErrorKind::internal, "layers of image {} come from nowhere", image.manifest.digest.str());
  TaskGroup group(kTransfersAtOnce, stop);
  for (const Layer* layer : missing)
    group.add([&, layer] { origin_.fetch_blob(origin->name, layer->blob, nullptr, activity, group.stop()); });
  group.join();
}

void ImageSource::fetch_contents(const BaseImage& image, LayerNeed need, Activity& activity,
                                 const std::stop_token& stop) {
  std::atomic<bool> begin_anew = false;
  auto origin = origin_of(image);
  StreamBlob from_store = stream_from(store_.blobs());
  StreamBlob stream = [&](const Descriptor& blob, Sink& into) {
    if (!origin || store_.blobs().find_size(blob.digest)) return from_store(blob, into);
    ForwardingTap tap(into, begin_anew);
    origin_.fetch_blob(origin->name, blob, &tap, activity, stop);
    if (begin_anew) throw_error(ErrorKind::unavailable, "the download of {} began anew", blob.digest.str());
  };
  try {
    make_contents(image, need, stream, stop);
  } catch (const Error&) {
    if (!begin_anew) throw;
    fetch_blobs(image, activity, stop);
    make_contents(image, need, from_store, stop);
  }
}

void ImageSource::make_contents(const BaseImage& image, LayerNeed need, const StreamBlob& stream,
                                const std::stop_token& stop) {
  if (need == LayerNeed::unpacked) snapshots_.prepare(image.layers, stream, {}, stop);
  TaskGroup group(kTransfersAtOnce, stop);
  for (const Layer& layer : image.layers)
    group.add([&] { scan_layer(store_, layer.blob, layer.diff_id, stream, {}, group.stop()); });
  group.join();
}

RemoteFileSource::File RegistryFiles::fetch(const std::string& url, const std::optional<Validators>& known,
                                            const std::vector<std::string>& headers, Sink& into, Activity& activity,
                                            std::stop_token stop) {
  UrlFetch wanted;
  wanted.url = url;
  wanted.headers = headers;
  if (known) wanted.known = UrlValidators{known->etag, known->last_modified};
  FetchedUrl got =
      fetch_url(access_.transport, access_.settings, access_.retrier, wanted, into, &activity, std::move(stop));
  return {got.unchanged, {got.validators.etag, got.validators.last_modified}, got.mtime_seconds};
}

}  // namespace imgb
