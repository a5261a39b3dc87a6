#include "layerfs/ingest.h"

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "layerfs/decoder.h"
#include "layerfs/ingest_process.h"
#include "layerfs/toc_store.h"

namespace imgb {

StreamBlob stream_from(const BlobStore& blobs) {
  return [&blobs](const Descriptor& blob, Sink& into) {
    auto source = blobs.open(blob.digest);
    copy(*source, into);
  };
}

Layer scan_layer(Store& store, const Descriptor& blob, const std::optional<DiffId>& want, const StreamBlob& stream,
                 const IngestLimits& limits, std::stop_token stop) {
  if (want && store.blobs().find_size(blob.digest) && has_toc(store, key_of({blob, *want}))) return {blob, *want};
  Ingested found = run_ingest(blob, want, stream, limits, nullptr, std::move(stop));
  Layer layer{blob, found.diff_id};
  keep_toc(store, key_of(layer), found.toc);
  return layer;
}

std::shared_ptr<const Toc> toc_of(Store& store, const Layer& layer, std::stop_token stop) {
  if (auto toc = find_toc(store, key_of(layer))) return toc;
  Ingested found = run_ingest(layer.blob, layer.diff_id, stream_from(store.blobs()), {}, nullptr, std::move(stop));
  keep_toc(store, key_of(layer), found.toc);
  return std::make_shared<const Toc>(std::move(found.toc));
}

std::string read_from_layer(Store& store, const Layer& layer, const TreeView::Node& file, std::uint64_t max_bytes) {
  std::uint64_t begin = file.data_offset, end = begin + file.meta.size_bytes;
  if (file.meta.size_bytes > max_bytes)
    throw_error(ErrorKind::input, "a file of {} in layer {}, more than {}", render_size(file.meta.size_bytes),
                layer.blob.digest.str(), render_size(max_bytes));
  return in_context(
      [&] { return "layer " + layer.blob.digest.str(); },
      [&] {
        FdSource blob(store.blobs().open_file(layer.blob.digest), layer.blob.digest.str());
        auto tar = decode_confined(blob);
        auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
        std::string out;
        for (std::uint64_t at = 0; at < end;) {
          std::uint64_t until = at < begin ? begin : end;
          std::size_t got = tar->read({buffer.get(), std::min<std::uint64_t>(kStreamBufferBytes, until - at)});
          if (got == 0) throw_error(ErrorKind::corrupt, "ends before its table of contents does");
          if (at >= begin) out.append(as_text({buffer.get(), got}));
          at += got;
        }
        // The blob's own digest and checksum come after what was read.
        if (Digest::of(out) != file.content)
          throw_error(ErrorKind::corrupt, "{} is not what it was when the layer was made", printable(file.path.str()));
        return out;
      });
}

}  // namespace imgb
