#include "core/store/publish.h"

#include <fcntl.h>

#include <vector>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr int kMaxIndexDepth = 4;  // V59

void visit_image(const BlobStore& blobs, const Descriptor& image, const std::function<void(const Descriptor&)>& visit,
                 int depth) {
  if (depth > kMaxIndexDepth) throw_error(ErrorKind::corrupt, "indexes nested deeper than {}", kMaxIndexDepth);
  if (!blobs.find_size(image.digest)) return;
  visit(image);
  if (!media_type::is_manifest(image.media_type) && !media_type::is_index(image.media_type)) return;
  auto parsed = parse_manifest(read_blob(blobs, image, kMaxManifestBytes), image.media_type);
  if (const auto* index = std::get_if<Index>(&parsed)) {
    for (const Descriptor& child : index->manifests) visit_image(blobs, child, visit, depth + 1);
    return;
  }
  const auto& manifest = std::get<Manifest>(parsed);
  if (blobs.find_size(manifest.config.digest)) visit(manifest.config);
  for (const Descriptor& layer : manifest.layers)
    if (blobs.find_size(layer.digest)) visit(layer);
}

}  // namespace

void for_each_blob(const BlobStore& blobs, const Descriptor& image,
                   const std::function<void(const Descriptor&)>& visit) {
  in_context([&] { return "image " + image.digest.str(); }, [&] { visit_image(blobs, image, visit, 0); });
}

void publish(Store& store, const Descriptor& image, std::span<const Reference> names) {
  std::vector<Fd> files;
  for_each_blob(store.blobs(), image,
                [&](const Descriptor& blob) { files.push_back(store.blobs().open_file(blob.digest)); });
  // Writing starts for all before any is waited for: the file system then commits its journal once, not once a blob.
  for (const Fd& file : files) ::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  for (const Fd& file : files) sync_data(file, "blob");
  store.root().open_dir(layout::blob_folder(image.digest.algorithm())).sync();
  for (const Reference& name : names) store.images().set(name, image);
  if (names.empty()) store.images().keep(image);
}

}  // namespace imgb
