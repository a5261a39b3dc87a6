#include "core/store/gc.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr int kMaxIndexDepth = 4;

class Reach {
 public:
  explicit Reach(const ReadManifest& read) : read_(read) {}

  void visit(const Descriptor& blob, int depth) {
    if (depth > kMaxIndexDepth) throw_error(ErrorKind::corrupt, "indexes nested deeper than {}", kMaxIndexDepth);
    bool refers = media_type::is_manifest(blob.media_type) || media_type::is_index(blob.media_type);
    if (!seen_.insert(blob.digest).second || !refers) return;
    auto text = read_(blob);
    if (!text) return;
    auto parsed = parse_manifest(*text, blob.media_type);
    if (const auto* index = std::get_if<Index>(&parsed)) {
      for (const Descriptor& child : index->manifests) visit(child, depth + 1);
      return;
    }
    const auto& manifest = std::get<Manifest>(parsed);
    seen_.insert(manifest.config.digest);
    for (const Descriptor& layer : manifest.layers) seen_.insert(layer.digest);
  }
  std::set<Digest> take() { return std::move(seen_); }

 private:
  const ReadManifest& read_;
  std::set<Digest> seen_;
};

/// Files in ingest/ that nobody is writing.
void find_leftovers(const Dir& ingest, Garbage& garbage) {
  for (const Dir::Entry& entry : ingest.list()) {
    auto file = entry.type == FileType::regular ? ingest.find_file(entry.name, O_RDONLY) : std::nullopt;
    if (!file || !try_lock(*file)) continue;
    garbage.leftovers.push_back(entry.name);
    garbage.size_bytes += stat_of(*file, entry.name).size_bytes;
  }
}

}  // namespace

std::set<Digest> reachable(std::span<const Descriptor> roots, const ReadManifest& read) {
  Reach reach(read);
  for (const Descriptor& root : roots)
    in_context([&] { return "image " + root.digest.str(); }, [&] { reach.visit(root, 0); });
  return reach.take();
}

ReadManifest manifests_of(const BlobStore& blobs) {
  return [&blobs](const Descriptor& blob) -> std::optional<std::string> {
    if (!blobs.find_size(blob.digest)) return std::nullopt;
    return read_blob(blobs, blob, kMaxManifestBytes);
  };
}

Garbage find_garbage(Store& store, std::span<const Descriptor> extra_roots) {
  std::vector<Descriptor> roots(extra_roots.begin(), extra_roots.end());
  for (NamedImage& image : store.images().list()) roots.push_back(std::move(image.descriptor));
  std::set<Digest> needed = reachable(roots, manifests_of(store.blobs()));
  Garbage garbage;
  for (const Digest& digest : store.blobs().list()) {
    if (needed.contains(digest)) continue;
    std::uint64_t size = store.blobs().find_size(digest).value_or(0);
    garbage.blobs.push_back({digest, size});
    garbage.size_bytes += size;
  }
  find_leftovers(store.folder(layout::kIngest), garbage);
  return garbage;
}

void remove_garbage(Store& store, const Garbage& garbage) {
  for (const Garbage::Blob& blob : garbage.blobs) store.blobs().remove(blob.digest);
  Dir ingest = store.folder(layout::kIngest);
  for (const std::string& name : garbage.leftovers) ingest.remove(name);
}

}  // namespace imgb
