#include "builder/load_images.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "builder/archive_files.h"
#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/image_config.h"
#include "core/oci/json.h"
#include "core/oci/manifest.h"
#include "layerfs/codec.h"

namespace imgb {
namespace {

constexpr std::string_view kContainerdName = "io.containerd.image.name";
constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";

std::string blob_path(const Digest& digest) {
  std::string text = digest.str();
  return "blobs/" + text.substr(0, text.find(':')) + "/" + digest.hex();
}

/// One entry of Docker's manifest.json: paths inside the archive.
struct DockerEntry {
  std::string config;
  std::vector<std::string> layers, names;
};

std::vector<std::string> strings_of(const nlohmann::json& value) {
  std::vector<std::string> strings;
  if (value.is_null()) return strings;
  for (const auto& item : value) strings.push_back(item.get<std::string>());
  return strings;
}

std::vector<DockerEntry> parse_docker_manifest(const std::string& text) {
  std::vector<DockerEntry> entries;
  nlohmann::json json = parse_json(text, kMaxManifestBytes, "manifest.json");
  if (!json.is_array())
    throw_error(ErrorKind::input, "this is no image archive: manifest.json is no list of images as docker save writes");
  try {
    for (const auto& item : json)
      entries.push_back({item.at("Config").get<std::string>(), strings_of(item.at("Layers")),
                         strings_of(item.value("RepoTags", nlohmann::json()))});
  } catch (const nlohmann::json::exception& e) {
    throw_error(ErrorKind::corrupt, "manifest.json: {}", printable(e.what()));
  }
  return entries;
}

// What is no name (a bare tag, as some tools annotate) names nothing.
void add_name(std::vector<Reference>& names, const std::string& text) {
  if (text.find_first_of(":/") == std::string::npos) return;
  Reference name = Reference::parse(text).with_default_tag();
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
}

class Loader {
 public:
  Loader(Store& store, ArchiveFiles& files, std::stop_token stop)
      : store_(store), files_(files), stop_(std::move(stop)) {}

  std::vector<LoadedImage> load() {
    auto index = files_.find_text("index.json", kMaxManifestBytes);
    auto docker = files_.find_text("manifest.json", kMaxManifestBytes);
    if (!index && !docker)
      throw_error(ErrorKind::input, "this is no image archive: it has neither index.json nor manifest.json");
    std::vector<DockerEntry> entries;
    if (docker) entries = parse_docker_manifest(*docker);
    return index ? load_layout(*index, entries) : load_docker(entries);
  }

 private:
  // --- OCI image layout ---

  std::vector<LoadedImage> load_layout(const std::string& text, const std::vector<DockerEntry>& entries) {
    auto parsed = parse_manifest(text, media_type::kOciIndex);
    if (!std::holds_alternative<Index>(parsed)) throw_error(ErrorKind::corrupt, "index.json is no index");
    std::vector<LoadedImage> images;
    for (const Descriptor& entry : std::get<Index>(parsed).manifests) {
      LoadedImage image = load_entry(entry, entries);
      auto same = std::find_if(images.begin(), images.end(),
                               [&](const LoadedImage& known) { return known.image.digest == image.image.digest; });
      if (same == images.end())
        images.push_back(std::move(image));
      else
        std::ranges::copy_if(image.names, std::back_inserter(same->names), [&](const Reference& name) {
          return std::ranges::find(same->names, name) == same->names.end();
        });
    }
    copy_blobs();
    return images;
  }

  LoadedImage load_entry(const Descriptor& entry, const std::vector<DockerEntry>& entries) {
    LoadedImage image{entry, {}};
    image.image.annotations.clear();
    auto annotation = entry.annotations.find(std::string(kContainerdName));
    if (annotation == entry.annotations.end()) annotation = entry.annotations.find(std::string(kRefName));
    if (annotation != entry.annotations.end()) add_name(image.names, annotation->second);
    want_image(entry, kMaxIndexDepth);
    for (const DockerEntry& docker : entries) {
      if (configs_.count(entry.digest) == 0 || docker.config != blob_path(configs_.at(entry.digest))) continue;
      for (const std::string& name : docker.names) add_name(image.names, name);
    }
    return image;
  }

  // Notes what the image needs; small blobs are copied at once since they say what else is needed.
  void want_image(const Descriptor& image, int depth) {
    if (depth < 0) throw_error(ErrorKind::unsupported, "indexes nested deeper than {}", kMaxIndexDepth);
    if (!wanted_.insert(image.digest).second) return;  // an index may name one child any number of times
    std::string text = copy_small(image);
    auto parsed = parse_manifest(text, image.media_type);
    if (const auto* index = std::get_if<Index>(&parsed)) {
      for (const Descriptor& child : index->manifests)
        if (files_.has(blob_path(child.digest))) want_image(child, depth - 1);
      return;
    }
    const Manifest& manifest = std::get<Manifest>(parsed);
    configs_.insert_or_assign(image.digest, manifest.config.digest);
    std::string config_text = copy_small(manifest.config);
    if (!media_type::is_layer(manifest.layers.empty() ? media_type::kOciLayer : manifest.layers[0].media_type)) {
      for (const Descriptor& layer : manifest.layers) blobs_.try_emplace(blob_path(layer.digest), layer);
      return;
    }
    ImageConfig config = parse_image_config(config_text);
    for (Layer& layer : layers_of(image.digest, manifest.layers, config)) {
      blobs_.try_emplace(blob_path(layer.blob.digest), layer.blob);
      layers_.push_back(std::move(layer));
    }
  }

  std::string copy_small(const Descriptor& blob) {
    auto text = files_.find_text(blob_path(blob.digest), kMaxManifestBytes);
    if (!text) throw_error(ErrorKind::input, "the archive lacks {}", blob.digest.str());
    SpanSource bytes(*text);
    keep(blob, bytes);
    return read_blob(store_.blobs(), blob, kMaxManifestBytes);  // what was here before may not be what the archive has
  }

  void keep(const Descriptor& blob, Source& content) {
    auto writer = store_.blobs().create_expected(blob);
    if (!writer) return;
    std::uint64_t already = writer->size_bytes();
    std::vector<std::byte> buffer(kStreamBufferBytes);
    std::uint64_t done = 0;
    while (std::size_t got = content.read(buffer)) {
      throw_if_stopped(stop_);
      auto bytes = std::span<const std::byte>(buffer).first(got);
      if (done + got > already) writer->write(bytes.subspan(done < already ? already - done : 0));
      done += got;
    }
    writer->commit(blob.media_type);
  }

  void copy_blobs() {
    std::set<std::string> paths;
    for (const auto& [path, blob] : blobs_)
      if (!store_.blobs().find_size(blob.digest)) paths.insert(path);
    files_.read_all(paths, [&](const std::string& path, Source& content, std::uint64_t size) {
      const Descriptor& blob = blobs_.at(path);
      if (size != blob.size_bytes)
        throw_error(ErrorKind::corrupt, "{} is {} bytes long, {} are expected", path, size, blob.size_bytes);
      keep(blob, content);
    });
    check_layers();
  }

  void check_layers() {
    for (const Layer& layer : layers_)
      scan_layer(store_, layer.blob, layer.diff_id, stream_from(store_.blobs()), {}, stop_);
  }

  // --- docker save before version 25 ---

  std::vector<LoadedImage> load_docker(const std::vector<DockerEntry>& entries) {
    std::set<std::string> paths;
    for (const DockerEntry& entry : entries) paths.insert(entry.layers.begin(), entry.layers.end());
    files_.read_all(paths, [&](const std::string& path, Source& content, std::uint64_t) {
      docker_layers_.insert_or_assign(path, keep_docker_layer(content));
    });
    std::vector<LoadedImage> images;
    for (const DockerEntry& entry : entries)
      images.push_back(
          in_context([&] { return "image " + printable(entry.config); }, [&] { return make_image(entry); }));
    check_layers();
    return images;
  }

  Descriptor keep_docker_layer(Source& content) {
    std::vector<std::byte> buffer(kStreamBufferBytes);
    std::size_t got = content.read(buffer);
    Compression compression = sniff_compression(std::span<const std::byte>(buffer).first(got));
    auto writer = store_.blobs().create();
    for (; got > 0; got = content.read(buffer)) {
      throw_if_stopped(stop_);
      writer->write(std::span<const std::byte>(buffer).first(got));
    }
    return writer->commit(std::string(oci_layer_type(compression)));
  }

  LoadedImage make_image(const DockerEntry& entry) {
    auto text = files_.find_text(entry.config, kMaxManifestBytes);
    if (!text) throw_error(ErrorKind::input, "the archive has no file {:?}", printable(entry.config));
    ImageConfig config = parse_image_config(*text);
    Manifest manifest{
        .media_type = std::string(media_type::kOciManifest),
        .config = write_blob(store_.blobs(), *text, std::string(media_type::kOciConfig)),
    };
    for (const std::string& layer : entry.layers) manifest.layers.push_back(docker_layers_.at(layer));
    std::vector<Layer> layers = layers_of(manifest.config.digest, manifest.layers, config);
    layers_.insert(layers_.end(), layers.begin(), layers.end());
    LoadedImage image{write_blob(store_.blobs(), render(manifest), std::string(media_type::kOciManifest)), {}};
    for (const std::string& name : entry.names) add_name(image.names, name);
    return image;
  }

  Store& store_;
  ArchiveFiles& files_;
  std::stop_token stop_;
  std::map<std::string, Descriptor> blobs_;          ///< Path -> what must be there.
  std::set<Digest> wanted_;                          ///< Manifests and indexes that were noted.
  std::map<Digest, Digest> configs_;                 ///< Manifest -> its config.
  std::map<std::string, Descriptor> docker_layers_;  ///< Path -> what it became.
  std::vector<Layer> layers_;                        ///< To be checked.
};

}  // namespace

std::vector<LoadedImage> load_archive(Store& store, const Fd& archive, std::string_view what, std::stop_token stop) {
  auto files = open_archive_files(store, archive, what, stop);
  return in_context([&] { return std::string(what); }, [&] { return Loader(store, *files, stop).load(); });
}

std::vector<LoadedImage> load_folder(Store& store, const Dir& folder, std::stop_token stop) {
  auto files = open_folder_files(folder);
  return in_context([&] { return folder.name(); }, [&] { return Loader(store, *files, std::move(stop)).load(); });
}

}  // namespace imgb
