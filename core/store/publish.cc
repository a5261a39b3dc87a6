#include "core/store/publish.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <vector>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

/// What was visited, and whether as something that refers to more: an index may name one child any number of times, and
/// under several types.
using Seen = std::set<std::pair<Digest, bool>>;

void visit_image(const BlobStore& blobs, const Descriptor& image, const std::function<void(const Descriptor&)>& visit,
                 Seen& seen, int depth) {
  if (depth > kMaxIndexDepth) throw_error(ErrorKind::corrupt, "indexes nested deeper than {}", kMaxIndexDepth);
  bool refers = media_type::is_manifest(image.media_type) || media_type::is_index(image.media_type);
  if (!seen.insert({image.digest, refers}).second || !blobs.peek_size(image.digest)) return;
  visit(image);
  if (!refers) return;
  auto parsed = parse_manifest(read_blob(blobs, image, kMaxManifestBytes), image.media_type);
  if (const auto* index = std::get_if<Index>(&parsed)) {
    for (const Descriptor& child : index->manifests) visit_image(blobs, child, visit, seen, depth + 1);
    return;
  }
  const auto& manifest = std::get<Manifest>(parsed);
  if (blobs.peek_size(manifest.config.digest)) visit(manifest.config);
  for (const Descriptor& layer : manifest.layers)
    if (blobs.peek_size(layer.digest)) visit(layer);
}

}  // namespace

void for_each_blob(const BlobStore& blobs, const Descriptor& image,
                   const std::function<void(const Descriptor&)>& visit) {
  Seen seen;
  in_context([&] { return "image " + image.digest.str(); }, [&] { visit_image(blobs, image, visit, seen, 0); });
}

namespace {

/// Blobs are writable by their owner until they are known to be on disk; then the mode says so, and no later publish
/// waits for them again.
bool is_synced(const Fd& file) { return (stat_of(file, "blob").mode & S_IWUSR) == 0; }

void sync_blobs(const Dir& root, const std::vector<Descriptor>& blobs) {
  std::vector<Fd> files;
  std::set<DigestAlgorithm> folders;
  for (const Descriptor& blob : blobs) {
    auto file = root.find_file(layout::blob(blob.digest), O_RDONLY);
    if (!file || is_synced(*file)) continue;
    folders.insert(blob.digest.algorithm());
    files.push_back(*std::move(file));
  }
  // Writing starts for all before any is waited for: the file system then commits its journal once, not once a blob.
  for (const Fd& file : files) ::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  for (const Fd& file : files) sync_data(file, "blob");
  for (DigestAlgorithm algorithm : folders) root.open_dir(layout::blob_folder(algorithm)).sync();
  for (const Fd& file : files) mark_synced(file);
}

}  // namespace

void mark_synced(const Fd& blob) {
  if (::fchmod(blob.get(), 0444) != 0) throw_errno("mark a blob as synced");
}

void publish(Store& store, const Descriptor& image, std::span<const Reference> names) {
  std::vector<Descriptor> blobs;
  for_each_blob(store.blobs(), image, [&](const Descriptor& blob) {
    // From here on no collector removes it.
    if (!store.blobs().find_size(blob.digest))
      throw_error(ErrorKind::not_found, "blob {} was removed meanwhile", blob.digest.str());
    blobs.push_back(blob);
  });
  constexpr std::size_t kAtOnce = 256;  // descriptors held open
  for (std::size_t i = 0; i < blobs.size(); i += kAtOnce)
    sync_blobs(store.root(), {blobs.begin() + static_cast<std::ptrdiff_t>(i),
                              blobs.begin() + static_cast<std::ptrdiff_t>(std::min(blobs.size(), i + kAtOnce))});
  for (const Reference& name : names) store.images().set(name, image);
  if (names.empty()) store.images().keep(image);
}

}  // namespace imgb
