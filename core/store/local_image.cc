#include "core/store/local_image.h"

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

bool looks_like_id(std::string_view text) {
  constexpr std::size_t kShortestId = 4;
  return text.size() >= kShortestId && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<Reference> find_reference(std::string_view typed) {
  auto name = Reference::find(typed);
  return name ? std::optional(name->with_default_tag()) : std::nullopt;
}

// name@digest is also found when the image came under a tag of the same repository.
std::optional<Descriptor> find_named(Store& store, const Reference& name) {
  if (auto found = store.images().find(name)) return found;
  if (!name.digest()) return std::nullopt;
  for (const NamedImage& image : store.images().list()) {
    if (image.descriptor.digest != *name.digest()) continue;
    if (auto its = Reference::find(image.name); its && its->name() == name.name()) return image.descriptor;
  }
  return std::nullopt;
}

/// From here on nobody removes them.
void hold_layers(Store& store, const LocalImage& image) {
  for (const Descriptor& layer : image.manifest.layers) store.blobs().find_size(layer.digest);
}

std::optional<LocalImage> find_by_id(Store& store, std::string_view typed, const Platform& platform) {
  std::string_view hex = typed.starts_with("sha256:") ? typed.substr(7) : typed;
  if (!looks_like_id(hex)) return std::nullopt;
  std::optional<LocalImage> found;
  for (LocalImage& image : list_local_images(store, platform, [](const std::string&) {})) {
    if (!image.id().hex().starts_with(hex) && !image.descriptor.digest.hex().starts_with(hex)) continue;
    if (found && found->id() != image.id())
      throw Error(ErrorKind::input, fmt::format("more than one image has an id that begins with {}", hex))
          .set_hint("give more of its digits");
    found = std::move(image);
  }
  if (found) hold_layers(store, *found);
  return found;
}

/// Says of what is missing or damaged whose it is, and what brings it back.
LocalImage read_named(Store& store, const Descriptor& found, const std::string& name, const Platform& platform) {
  try {
    LocalImage image = read_local_image(store.blobs(), found, platform);
    image.names = {name};
    hold_layers(store, image);
    return image;
  } catch (Error& e) {
    if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::not_found) throw;
    std::string shown = familiar_name(name);
    e.add_frame("image " + shown);
    e.set_hint(fmt::format("imgb pull {0} or a build brings it back, imgb rmi {0} forgets it", shown));
    throw;
  }
}

}  // namespace

std::string familiar_name(const std::string& name) {
  auto reference = Reference::find(name);
  return reference ? reference->familiar() : name;
}

std::uint64_t LocalImage::size_bytes() const {
  std::uint64_t size = descriptor.size_bytes + manifest.config.size_bytes;
  for (const Descriptor& layer : manifest.layers) size += layer.size_bytes;
  return size;
}

LocalImage read_local_image(const BlobStore& blobs, const Descriptor& image, const Platform& platform) {
  std::string json = read_blob(blobs, image, kMaxManifestBytes);
  auto parsed = parse_manifest(json, image.media_type);
  if (const auto* index = std::get_if<Index>(&parsed))
    return read_local_image(blobs, choose_platform(*index, platform), platform);
  LocalImage local{image, std::get<Manifest>(std::move(parsed)), {}, {}, {}};
  local.config_json = read_blob(blobs, local.manifest.config, kMaxManifestBytes);
  try {
    local.config = parse_image_config(local.config_json);
  } catch (const Error& e) {
    const std::string& type = local.manifest.config.media_type;
    if (e.kind() != ErrorKind::corrupt || type == media_type::kOciConfig || type == media_type::kDockerConfig) throw;
    throw_error(ErrorKind::unsupported, "{} is no image: its config is {}", image.digest.str(), printable(type, 200));
  }
  return local;
}

std::vector<LocalImage> list_local_images(Store& store, const Platform& platform,
                                          const std::function<void(const std::string& what)>& on_broken) {
  std::vector<LocalImage> images;
  std::map<Digest, std::size_t> known;
  std::vector<NamedImage> named = store.images().list();
  std::stable_partition(named.begin(), named.end(), [](const NamedImage& image) { return !image.name.empty(); });
  for (const NamedImage& image : named) {
    auto [at, is_new] = known.try_emplace(image.descriptor.digest, images.size());
    if (is_new) {
      try {
        images.push_back(read_local_image(store.blobs(), image.descriptor, platform));
      } catch (const Error& e) {
        known.erase(at);
        if (e.kind() == ErrorKind::unsupported) continue;  // signatures, charts and the like
        on_broken(fmt::format("{}: {}", image.name.empty() ? image.descriptor.digest.str() : image.name, e.what()));
        continue;
      }
    }
    if (!image.name.empty()) images[at->second].names.push_back(image.name);
  }
  return images;
}

std::vector<std::string> names_of(Store& store, const LocalImage& image) {
  std::vector<std::string> names;
  for (const LocalImage& other : list_local_images(store, image.config.platform, [](const std::string&) {}))
    if (other.descriptor.digest == image.descriptor.digest)
      names.insert(names.end(), other.names.begin(), other.names.end());
  return names;
}

std::optional<Descriptor> find_named_image(Store& store, std::string_view typed) {
  if (typed.starts_with("sha256:")) return std::nullopt;
  auto name = find_reference(typed);
  auto image = name ? find_named(store, *name) : std::nullopt;
  return image ? image : store.images().find_foreign(typed);
}

std::optional<LocalImage> find_local_image(Store& store, std::string_view typed, const Platform& platform) {
  if (!typed.starts_with("sha256:")) {
    auto name = find_reference(typed);
    if (auto found = name ? find_named(store, *name) : std::nullopt)
      return read_named(store, *found, name->canonical(), platform);
    if (auto foreign = store.images().find_foreign(typed))
      return read_named(store, *foreign, std::string(typed), platform);
  }
  return find_by_id(store, typed, platform);
}

LocalImage get_local_image(Store& store, std::string_view typed, const Platform& platform) {
  if (auto image = find_local_image(store, typed, platform)) return std::move(*image);
  Error error(ErrorKind::not_found, fmt::format("no such image: {}", printable(typed)));
  std::vector<std::string> names;
  for (const NamedImage& image : store.images().list())
    if (!image.name.empty()) names.push_back(familiar_name(image.name));
  std::string wanted(typed);
  if (wanted.find_first_of(":@") == std::string::npos) wanted += ":latest";
  if (auto near = find_nearest(wanted, names)) error.set_hint("did you mean " + *near + "?");
  throw error;
}

}  // namespace imgb
