#include "registry/push.h"

#include <algorithm>

#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"

namespace imgb {
namespace {

constexpr unsigned kTransfersAtOnce = 4;

struct ManifestText {
  Descriptor descriptor;
  std::string text;
};

/// All that goes, each once.
class Cargo {
 public:
  Cargo(const BlobStore& store, const Descriptor& image) : store_(store) { add(image, kMaxIndexDepth); }

  std::vector<Descriptor> blobs;
  std::vector<ManifestText> manifests;  ///< What one refers to comes before it.

 private:
  void add(const Descriptor& image, int depth) {
    if (!seen_.insert(image.digest).second) return;
    std::string text = read_blob(store_, image, kMaxManifestBytes);
    auto content = parse_manifest(text, image.media_type);
    if (const auto* index = std::get_if<Index>(&content)) {
      if (depth == 0) throw_error(ErrorKind::unsupported, "indexes nested deeper than {}", kMaxIndexDepth);
      for (const Descriptor& child : index->manifests) {
        if (!media_type::is_manifest(child.media_type) && !media_type::is_index(child.media_type))
          throw_error(ErrorKind::unsupported, "{} is of type {:?}, not an image", child.digest.str(),
                      printable(child.media_type, 128));
        add(child, depth - 1);
      }
    } else {
      const Manifest& manifest = std::get<Manifest>(content);
      add_blob(manifest.config);
      for (const Descriptor& layer : manifest.layers) add_blob(layer);
    }
    manifests.push_back({image, std::move(text)});
  }

  void add_blob(const Descriptor& blob) {
    if (blob.media_type.find(".nondistributable.") != std::string::npos ||
        blob.media_type.find(".foreign.") != std::string::npos || !seen_.insert(blob.digest).second)
      return;
    auto size = store_.find_size(blob.digest);
    if (!size) throw_error(ErrorKind::not_found, "blob {} is not in the store", blob.digest.str());
    if (*size != blob.size_bytes)
      throw_error(ErrorKind::corrupt, "blob {} has {} bytes, its manifest says {}", blob.digest.str(), *size,
                  blob.size_bytes);
    blobs.push_back(blob);
  }

  const BlobStore& store_;
  std::set<Digest> seen_;
};

}  // namespace

PushResult push_image(RegistryClient& client, const Descriptor& image, const Reference& name, const BlobStore& store,
                      const FindMountSource& mount_from, Activity* activity, const std::stop_token& stop) {
  Cargo cargo(store, image);
  if (client.has_manifest(name, image.digest, activity, stop)) return {};
  Guarded<PushResult> result;
  TaskGroup tasks(kTransfersAtOnce, stop);
  for (const Descriptor& blob : cargo.blobs) {
    tasks.add([&, stopping = tasks.stop()] {
      BlobSent how = client.push_blob(name, blob, store, mount_from(blob.digest), activity, stopping);
      result.with([&](PushResult& all) {
        ++(how == BlobSent::present ? all.present : how == BlobSent::mounted ? all.mounted : all.sent);
        if (how == BlobSent::uploaded) all.sent_bytes += blob.size_bytes;
      });
    });
  }
  tasks.join();
  for (const ManifestText& manifest : cargo.manifests) {
    bool is_named = &manifest == &cargo.manifests.back();
    client.put_manifest(is_named ? name : name.with_digest(manifest.descriptor.digest), manifest.descriptor,
                        manifest.text, activity, stop);
  }
  return result.with([](const PushResult& all) { return all; });
}

}  // namespace imgb
