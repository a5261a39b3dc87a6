#include <fcntl.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "builder/docker_archive.h"
#include "builder/export.h"
#include "builder/tar_sink.h"
#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/image_config.h"
#include "core/oci/json.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";
constexpr std::string_view kContainerdName = "io.containerd.image.name";

/// Every blob an image consists of, by digest with its size.
class Reachable {
 public:
  Reachable(Store& store, std::span<const ExportedImage> images) : store_(store) {
    for (const ExportedImage& image : images) add(image.manifest, 0);
  }
  const std::map<std::string, std::pair<Digest, std::uint64_t>>& blobs() const { return blobs_; }

 private:
  void add_blob(const Descriptor& blob) {
    auto size = store_.blobs().find_size(blob.digest);
    if (!size) throw_error(ErrorKind::not_found, "blob {} is not in the store", blob.digest.str());
    blobs_.try_emplace(blob.digest.str(), blob.digest, *size);
  }
  void add(const Descriptor& descriptor, int depth) {
    if (depth > kMaxIndexDepth) throw_error(ErrorKind::corrupt, "indexes nest too deeply");
    add_blob(descriptor);
    if (!seen_.insert(descriptor.digest).second) return;
    auto parsed = parse_manifest(read_blob(store_.blobs(), descriptor, kMaxManifestBytes), descriptor.media_type);
    if (const auto* index = std::get_if<Index>(&parsed)) {
      for (const Descriptor& child : index->manifests) add(child, depth + 1);
      return;
    }
    const Manifest& manifest = std::get<Manifest>(parsed);
    add_blob(manifest.config);
    for (const Descriptor& layer : manifest.layers) add_blob(layer);
  }

  Store& store_;
  std::set<Digest> seen_;  ///< Manifests and indexes: an index may name one child any number of times.
  std::map<std::string, std::pair<Digest, std::uint64_t>> blobs_;
};

/// One entry per name; an image without names has one without annotations.
std::vector<Descriptor> index_entries(std::span<const ExportedImage> images) {
  std::vector<Descriptor> entries;
  for (const ExportedImage& image : images) {
    Descriptor plain = image.manifest;
    plain.annotations.clear();
    if (image.names.empty()) entries.push_back(plain);
    for (const Reference& name : image.names) {
      Descriptor named = plain;
      named.annotations[std::string(kContainerdName)] = name.canonical();
      named.annotations[std::string(kRefName)] = name.tag().value_or("latest");
      entries.push_back(std::move(named));
    }
  }
  return entries;
}

std::string render_index(std::vector<Descriptor> entries) {
  return render(
      Index{.media_type = std::string(media_type::kOciIndex), .artifact_type = {}, .manifests = std::move(entries)});
}

/// What `docker load` reads.
std::string docker_manifest(Store& store, std::span<const ExportedImage> images) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const ExportedImage& image : images) {
    Manifest manifest =
        parse_image_manifest(read_blob(store.blobs(), image.manifest, kMaxManifestBytes), image.manifest.media_type);
    list.push_back(docker_archive_entry(manifest, image.names));
  }
  return list.dump();
}

void write_archive(Store& store, std::span<const ExportedImage> images, const std::string& docker, Sink& into,
                   const std::stop_token& stop) {
  Reachable reachable(store, images);
  TarSink tar(into);
  tar.add_folder("blobs");
  std::set<std::string> folders;
  for (const auto& [text, blob] : reachable.blobs()) {
    throw_if_stopped(stop);
    std::string path = layout::blob(blob.first);
    std::string folder = path.substr(0, path.rfind('/'));
    if (folders.insert(folder).second) tar.add_folder(folder);
    auto bytes = store.blobs().open(blob.first);
    tar.add_file(path, *bytes, blob.second);
  }
  tar.add_file("index.json", render_index(index_entries(images)));
  if (!docker.empty()) tar.add_file("manifest.json", docker);
  tar.add_file("oci-layout", layout::kMarkerContent);
  tar.finish();
}

/// What an existing layout lists and the new images do not replace.
std::vector<Descriptor> kept_entries(const Dir& into, const std::vector<Descriptor>& added) {
  auto text = into.find_content("index.json", kMaxLayoutIndexBytes);
  if (!text) return {};
  Index index = in_context([&] { return into.name() + "/index.json"; }, [&] { return parse_layout_index(*text); });
  auto name_of = [](const Descriptor& entry) {
    auto at = entry.annotations.find(std::string(kContainerdName));
    return at == entry.annotations.end() ? entry.digest.str() : at->second;
  };
  std::set<std::string> replaced;
  for (const Descriptor& entry : added) replaced.insert(name_of(entry));
  std::vector<Descriptor> kept;
  for (const Descriptor& entry : index.manifests) {
    if (!replaced.contains(name_of(entry))) kept.push_back(entry);
  }
  return kept;
}

}  // namespace

void write_oci_archive(Store& store, std::span<const ExportedImage> images, Sink& into, std::stop_token stop) {
  write_archive(store, images, "", into, stop);
}

void write_docker_archive(Store& store, std::span<const ExportedImage> images, Sink& into, std::stop_token stop) {
  write_archive(store, images, docker_manifest(store, images), into, stop);
}

void write_oci_folder(Store& store, std::span<const ExportedImage> images, const Dir& into, std::stop_token stop) {
  Reachable reachable(store, images);
  for (const auto& [text, blob] : reachable.blobs()) {
    throw_if_stopped(stop);
    const Digest& digest = blob.first;
    std::string path = layout::blob(digest), name = digest.hex();
    Dir folder = into.make_dirs(path.substr(0, path.rfind('/')), 0755);
    auto there = folder.find_stat(name);
    if (there && there->size_bytes == blob.second) continue;
    folder.replace_file(name, 0644, Dir::Sync::now, [&](const Fd& file) {
      FdSink sink(file.duplicate(), path);
      copy(*store.blobs().open(digest), sink);
    });
  }
  // Of several that add to one layout none loses what another has added.
  Dir alone = into.open_dir(".");
  lock(alone.fd());
  auto entries = index_entries(images);
  auto all = kept_entries(into, entries);
  all.insert(all.end(), entries.begin(), entries.end());
  into.replace_file("oci-layout", layout::kMarkerContent, 0644);
  into.replace_file("index.json", render_index(std::move(all)), 0644);
}

std::vector<Layer> layers_of(Store& store, const Descriptor& descriptor) {
  Manifest manifest =
      parse_image_manifest(read_blob(store.blobs(), descriptor, kMaxManifestBytes), descriptor.media_type);
  ImageConfig config = parse_image_config(read_blob(store.blobs(), manifest.config, kMaxManifestBytes));
  return layers_of(descriptor.digest, manifest.layers, config);
}

}  // namespace imgb
