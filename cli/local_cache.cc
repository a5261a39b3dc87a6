#include "cli/local_cache.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"
#include "core/store/lock_wait.h"

namespace imgb {
namespace {

constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";

std::optional<Dir> find_folder(const std::filesystem::path& path) {
  try {
    return Dir::open_host(path);
  } catch (const SystemError& e) {
    if (e.errno_value() == ENOENT || e.errno_value() == ENOTDIR) return std::nullopt;
    throw;
  }
}

/// A file that the folder should have and has not is the cache's fault, and not this host's.
template <class Body>
auto missing_is_not_found(Body body) {
  try {
    return body();
  } catch (const SystemError& e) {
    if (e.errno_value() != ENOENT) throw;
    throw Error(ErrorKind::not_found, e.what());
  }
}

/// Blobs in a layout that someone else may have written to.
class LayoutFolder {
 public:
  explicit LayoutFolder(const Dir& folder) : folder_(folder) {}

  bool has(const Descriptor& blob) const {
    auto there = folder_.find_stat(layout::blob(blob.digest));
    return there && there->type == FileType::regular && there->size_bytes == blob.size_bytes;
  }
  void put(const Descriptor& blob, const BlobStore& from, Activity& activity, const std::stop_token& stop) const {
    throw_if_stopped(stop);
    Dir into = folder_.make_dirs(layout::blob_folder(blob.digest.algorithm()), 0755);
    into.replace_file(blob.digest.hex(), 0644, Dir::Sync::now, [&](const Fd& file) {
      FdSink sink(file.duplicate(), blob.digest.str());
      copy(*from.open(blob.digest), sink);
    });
    activity.bytes(blob.digest.short_hex(), blob.size_bytes, blob.size_bytes);
  }
  /// The index as it is, without what has this name.
  std::vector<Descriptor> others(const std::string& name) const {
    auto text = folder_.find_content(layout::kIndex, kMaxLayoutIndexBytes);
    if (!text) return {};
    std::vector<Descriptor> entries = parse_layout_index(*text).manifests;
    std::erase_if(entries, [&](const Descriptor& entry) {
      auto at = entry.annotations.find(std::string(kRefName));
      return at != entry.annotations.end() && at->second == name;
    });
    return entries;
  }
  void put_index(std::vector<Descriptor> entries) const {
    folder_.replace_file(layout::kMarker, layout::kMarkerContent, 0644);
    Index index{.media_type = std::string(media_type::kOciIndex), .artifact_type = {}, .manifests = std::move(entries)};
    folder_.replace_file(layout::kIndex, render(index), 0644);
  }
  /// Blobs that no entry needs.
  void sweep(const std::vector<Descriptor>& entries) const {
    std::set<Digest> needed;
    for (const Descriptor& entry : entries) need(entry, kMaxIndexDepth, needed);
    for (DigestAlgorithm algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::sha512}) {
      auto blobs = folder_.find_dir(layout::blob_folder(algorithm));
      if (!blobs) continue;
      for (const Dir::Entry& file : blobs->list()) {
        auto digest = layout::find_blob(algorithm, file.name);
        if (digest && !needed.contains(*digest)) blobs->remove(file.name);
      }
    }
  }

 private:
  void need(const Descriptor& entry, int depth, std::set<Digest>& needed) const {
    if (!needed.insert(entry.digest).second || depth == 0) return;
    auto text = folder_.find_content(layout::blob(entry.digest), kMaxManifestBytes);
    if (!text) return;
    auto content = parse_manifest(*text, entry.media_type);
    if (const auto* index = std::get_if<Index>(&content)) {
      for (const Descriptor& child : index->manifests) need(child, depth - 1, needed);
      return;
    }
    const Manifest& manifest = std::get<Manifest>(content);
    needed.insert(manifest.config.digest);
    for (const Descriptor& layer : manifest.layers) needed.insert(layer.digest);
  }
  const Dir& folder_;
};

}  // namespace

Reference LocalCache::reference() const {
  Reference name = Reference::parse("cache");
  return spec_.digest ? name.with_digest(*spec_.digest) : name.with_tag(spec_.tag);
}

std::optional<CacheRemote::Content> LocalCache::find(const Platform& platform, Activity&, std::stop_token) {
  auto folder = find_folder(spec_.folder);
  if (!folder || !folder->find_stat(layout::kIndex)) return std::nullopt;
  origin_ = std::make_unique<LayoutOrigin>(store_, *std::move(folder));
  LayoutOrigin::Found found = missing_is_not_found([&] { return origin_->get_image(reference(), platform); });
  return Content{std::move(found.manifest), std::move(found.config)};
}

void LocalCache::fetch(const Descriptor& blob, Activity& activity, std::stop_token stop) {
  missing_is_not_found([&] { origin_->fetch_blob(reference(), blob, nullptr, activity, stop); });
}

std::string LocalCache::put(const Descriptor& manifest, const BlobStore& blobs, Activity& activity,
                            std::stop_token stop) {
  Dir folder = Dir::make_host(spec_.folder, 0755);
  Dir alone = folder.open_dir(".");
  wait_until([&] { return try_lock(alone.fd()); }, stop);
  LayoutFolder into(folder);
  std::string text = read_blob(blobs, manifest, kMaxManifestBytes);
  Manifest content = parse_image_manifest(text, manifest.media_type);
  std::vector<Descriptor> parts = content.layers;
  parts.push_back(content.config);
  parts.push_back(manifest);
  std::uint64_t written_bytes = 0;
  for (const Descriptor& part : parts) {
    if (into.has(part)) continue;
    into.put(part, blobs, activity, stop);
    written_bytes += part.size_bytes;
  }
  std::vector<Descriptor> entries = into.others(spec_.tag);
  Descriptor named = manifest;
  named.annotations[std::string(kRefName)] = spec_.tag;
  entries.push_back(std::move(named));
  into.put_index(entries);
  into.sweep(entries);
  return written_bytes ? fmt::format("{} written", render_size(written_bytes)) : "nothing was to be written";
}

}  // namespace imgb
