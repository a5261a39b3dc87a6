#include "core/store/gc.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

class Reach {
 public:
  explicit Reach(const ReadManifest& read) : read_(read) {}

  void visit(const Descriptor& blob, int depth) {
    if (depth > kMaxIndexDepth) throw_error(ErrorKind::corrupt, "indexes nested deeper than {}", kMaxIndexDepth);
    bool refers = media_type::is_manifest(blob.media_type) || media_type::is_index(blob.media_type);
    seen_.insert(blob.digest);
    // Somebody may name a manifest as a layer: then it is needed, and what it needs is not known yet.
    if (!refers || !followed_.insert(blob.digest).second) return;
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
  std::set<Digest> seen_, followed_;
};

/// Files in ingest/ that nobody is writing, nor is about to.
void find_leftovers(Store& store, Garbage& garbage) {
  Dir ingest = store.folder(layout::kIngest);
  std::vector<Dir::Entry> there = ingest.list();
  std::set<std::string> held = store.lease().held_by_others();
  for (const Dir::Entry& entry : there) {
    auto blob = layout::find_partial(entry.name);
    if (held.contains(layout::ingest(entry.name)) || (blob && held.contains(blob->str()))) continue;
    auto file = entry.type == FileType::regular ? ingest.find_file(entry.name, O_RDONLY) : std::nullopt;
    if (!file || !try_lock(*file)) continue;
    garbage.leftovers.push_back(entry.name);
    garbage.size_bytes += stat_of(*file, entry.name).disk_bytes;
  }
}

/// Under the file's own lock: who took it up meanwhile keeps it, who comes for it now waits and finds it gone.
void remove_leftover(const Dir& ingest, const std::string& name) {
  auto file = ingest.find_file(name, O_RDONLY);
  if (file && try_lock(*file) && ingest.leads_to(name, *file)) ingest.remove(name);
}

}  // namespace

std::set<Digest> reachable(std::span<const Descriptor> roots, const ReadManifest& read) {
  Reach reach(read);
  for (const Descriptor& root : roots) {
    try {
      reach.visit(root, 0);
    } catch (Error& e) {
      e.add_frame("image " + root.digest.str());
      if (e.kind() == ErrorKind::corrupt)
        e.set_hint("imgb fsck --repair forgets images that cannot be read; a pull or build brings them back");
      throw;
    }
  }
  return reach.take();
}

ReadManifest manifests_of(const BlobStore& blobs) {
  return [&blobs](const Descriptor& blob) -> std::optional<std::string> {
    try {
      return peek_blob(blobs, blob, kMaxManifestBytes);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::not_found) throw;
      return std::nullopt;
    }
  };
}

IdleBlobs find_idle_blobs(Store& store, const CollectionLock&) {
  // The list comes first: who makes a blob notes it in his lease before it appears.
  IdleBlobs idle{store.blobs().list()};
  std::set<std::string> held = store.lease().held_by_others();
  std::erase_if(idle.digests, [&](const Digest& digest) { return held.contains(digest.str()); });
  return idle;
}

Garbage find_garbage(Store& store, const CollectionLock&, const IdleBlobs& idle, std::span<const Descriptor> roots) {
  std::set<Digest> needed = reachable(roots, manifests_of(store.blobs()));
  Garbage garbage;
  for (const Digest& digest : idle.digests) {
    if (needed.contains(digest)) continue;
    auto stat = store.root().find_stat(layout::blob(digest));
    if (!stat) continue;
    garbage.blobs.push_back({digest, stat->disk_bytes});
    garbage.size_bytes += stat->disk_bytes;
  }
  find_leftovers(store, garbage);
  return garbage;
}

void remove_garbage(Store& store, const CollectionLock&, const Garbage& garbage) {
  for (const Garbage::Blob& blob : garbage.blobs) store.blobs().remove(blob.digest);
  Dir ingest = store.folder(layout::kIngest);
  for (const std::string& name : garbage.leftovers) remove_leftover(ingest, name);
}

}  // namespace imgb
