#include "cli/copy_place.h"

#include <algorithm>
#include <array>

#include "builder/archive_places.h"
#include "builder/load_images.h"
#include "cli/files.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/gc.h"
#include "core/store/layout_folder.h"
#include "core/store/local_image.h"
#include "registry/registry_places.h"

namespace imgb {
namespace {

constexpr const char* kContainerdName = "io.containerd.image.name";
constexpr const char* kForms =
    "places are docker://NAME, oci:FOLDER[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:NAME], or a name in "
    "imgb's store";

/// A place together with what it borrows.
template <class Owned>
struct Holder {
  std::unique_ptr<Owned> owned;
};
template <class Place, class Owned>
class Owning : private Holder<Owned>, public Place {
 public:
  template <class... Arguments>
  explicit Owning(std::unique_ptr<Owned> place, Arguments&&... arguments)
      : Holder<Owned>{std::move(place)}, Place(*this->owned, std::forward<Arguments>(arguments)...) {}
};

/// Every blob of it is here.
bool is_whole(const BlobStore& blobs, const Descriptor& image) {
  auto needed = reachable({&image, 1}, manifests_of(blobs));
  return std::ranges::all_of(needed, [&](const Digest& digest) { return blobs.peek_size(digest).has_value(); });
}

std::vector<Descriptor> roots_of(Store& store) {
  std::vector<Descriptor> roots;
  for (NamedImage& image : store.images().list()) roots.push_back(std::move(image.descriptor));
  return roots;
}

std::unique_ptr<ImageReader> read_folder(const CopyPlace& place) {
  auto folder = std::make_unique<LayoutFolder>(LayoutFolder::open(place.path));
  Descriptor image = choose_layout_image(folder->images(), place.reference, place.path);
  return std::make_unique<Owning<LayoutReader, LayoutFolder>>(std::move(folder), place.path, std::move(image));
}

/// What versions of Docker before 25, and skopeo, save has no manifests: the store makes them.
std::unique_ptr<ImageReader> read_old_archive(CliEnv& env, const CopyPlace& place) {
  std::vector<LoadedImage> images =
      load_archive(env.store(), open_seekable(env.store(), place.path), place.path, env.stop());
  auto wanted = place.reference.empty() ? std::nullopt : Reference::find(place.reference);
  for (const LoadedImage& image : images) {
    bool named = wanted && std::ranges::count(image.names, wanted->with_default_tag()) > 0;
    if (named || (place.reference.empty() && images.size() == 1))
      return std::make_unique<StoreReader>(env.store().blobs(), place.path, image.image);
  }
  throw_error(ErrorKind::not_found, "{} holds {} images{}", place.path, images.size(),
              place.reference.empty() ? ": which one?" : fmt::format(", none of them {}", printable(place.reference)));
}

std::unique_ptr<ImageReader> read_archive(CliEnv& env, const CopyPlace& place) {
  Fd file = open_seekable(env.store(), place.path);
  auto files = open_archive_files(env.store(), file, place.path, env.stop());
  auto images = find_archive_images(*files);
  if (!images) return read_old_archive(env, place);
  std::string reference = place.reference;
  if (place.kind == CopyPlace::Kind::docker_archive && !reference.empty())
    if (auto name = Reference::find(reference)) reference = name->with_default_tag().canonical();
  Descriptor image = choose_layout_image(*images, reference, place.path);
  return std::make_unique<Owning<ArchiveReader, ArchiveFiles>>(std::move(files), place.path, std::move(image),
                                                               std::move(*images));
}

std::unique_ptr<ImageWriter> write_archive(const CopyPlace& place) {
  auto file = std::make_unique<OutputFile>(place.path);
  ArchiveWriter::Form form;
  form.docker = place.kind == CopyPlace::Kind::docker_archive;
  if (form.docker && !place.reference.empty()) {
    Reference name = Reference::parse(place.reference).with_default_tag();
    form.annotations = {{kContainerdName, name.canonical()}, {kRefNameAnnotation, name.tag().value_or("latest")}};
    form.docker_names = {name};
  } else if (!place.reference.empty()) {
    form.annotations = {{kRefNameAnnotation, place.reference}};
  }
  auto commit = [made = file.get()] { made->commit(); };
  return std::make_unique<Owning<ArchiveWriter, OutputFile>>(std::move(file), place.path, std::move(form), commit);
}

std::unique_ptr<ImageWriter> write_folder(const CopyPlace& place) {
  auto folder = std::make_unique<LayoutFolder>(LayoutFolder::make(place.path));
  std::map<std::string, std::string> annotations;
  if (!place.reference.empty()) annotations = {{kRefNameAnnotation, place.reference}};
  return std::make_unique<Owning<LayoutWriter, LayoutFolder>>(std::move(folder), place.path, std::move(annotations));
}

}  // namespace

CopyPlace CopyPlace::parse(std::string_view text) {
  using enum Kind;
  if (text.starts_with("docker://")) return {registry, "", std::string(text.substr(9))};
  if (text.starts_with("store:")) return {store, "", std::string(text.substr(6))};
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kFiles{
      {{"oci:", oci_folder}, {"oci-archive:", oci_archive}, {"docker-archive:", docker_archive}}};
  for (const auto& [prefix, kind] : kFiles) {
    if (!text.starts_with(prefix)) continue;
    text.remove_prefix(prefix.size());
    std::size_t colon = text.find(':');
    CopyPlace place{kind, std::string(text.substr(0, colon)), ""};
    if (colon != std::string_view::npos) place.reference = text.substr(colon + 1);
    if (place.path.empty()) throw Error(ErrorKind::usage, fmt::format("{} without a path", prefix)).set_hint(kForms);
    return place;
  }
  for (std::string_view foreign : {"docker-daemon:", "containers-storage:", "dir:", "ostree:", "sif:", "tarball:"})
    if (text.starts_with(foreign))
      throw Error(ErrorKind::usage, fmt::format("imgb has no place {}", foreign)).set_hint(kForms);
  if (text.empty()) throw Error(ErrorKind::usage, "a place is empty").set_hint(kForms);
  return {store, "", std::string(text)};
}

CopyPlace CopyPlace::parse_remote(std::string_view text) {
  CopyPlace place = parse(text);
  if (place.kind == Kind::store && !text.starts_with("store:")) place.kind = Kind::registry;
  return place;
}

Descriptor choose_stored_image(CliEnv& env, const std::string& typed, const std::vector<Platform>& platforms) {
  Store& store = env.store();
  auto whole = find_named_image(store, typed);
  if (whole && (!platforms.empty() || is_whole(store.blobs(), *whole))) return *whole;
  LocalImage here = get_local_image(store, typed, platforms.empty() ? Platform::host() : platforms[0]);
  if (whole && whole->digest != here.descriptor.digest)
    env.tell(fmt::format("{} is for several platforms, but only {} is here whole: taking that alone", typed,
                         here.config.platform.str()));
  return here.descriptor;
}

std::unique_ptr<ImageReader> open_reader(CliEnv& env, RegistryAccess& access, const CopyPlace& place,
                                         const std::vector<Platform>& platforms) {
  switch (place.kind) {
    case CopyPlace::Kind::registry:
      return std::make_unique<RegistryReader>(access.client, Reference::parse(place.reference).with_default_tag());
    case CopyPlace::Kind::oci_folder:
      return read_folder(place);
    case CopyPlace::Kind::oci_archive:
    case CopyPlace::Kind::docker_archive:
      return read_archive(env, place);
    case CopyPlace::Kind::store:
      break;
  }
  Descriptor image = choose_stored_image(env, place.reference, platforms);
  return std::make_unique<StoreReader>(env.store().blobs(), place.reference, std::move(image), roots_of(env.store()));
}

std::unique_ptr<ImageWriter> open_writer(CliEnv& env, RegistryAccess& access, const CopyPlace& place) {
  switch (place.kind) {
    case CopyPlace::Kind::registry:
      return std::make_unique<RegistryWriter>(access.client, Reference::parse(place.reference).with_default_tag());
    case CopyPlace::Kind::oci_folder:
      return write_folder(place);
    case CopyPlace::Kind::oci_archive:
    case CopyPlace::Kind::docker_archive:
      return write_archive(place);
    case CopyPlace::Kind::store:
      break;
  }
  return std::make_unique<StoreWriter>(env.store(), Reference::parse(place.reference).with_default_tag());
}

}  // namespace imgb
