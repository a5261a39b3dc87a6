#include "builder/archive_input.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/codec.h"
#include "layerfs/decoder.h"
#include "layerfs/tar_format.h"

namespace imgb {
namespace {

using Block = std::array<std::byte, kTarBlockBytes>;

std::size_t read_up_to(Source& from, std::span<std::byte> into) {
  std::size_t total = 0;
  while (total < into.size()) {
    std::size_t got = from.read(into.subspan(total));
    if (got == 0) break;
    total += got;
  }
  return total;
}

/// A tar begins with a header whose checksum is right.
bool is_tar_header(std::string_view text) {
  std::string_view field = text.substr(tar_field::kChecksum.offset, tar_field::kChecksum.length);
  auto want = find_octal(trim(field, std::string_view(" \0", 2)));
  if (!want) return false;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool inside = i >= tar_field::kChecksum.offset && i < tar_field::kChecksum.offset + tar_field::kChecksum.length;
    sum += inside ? ' ' : static_cast<unsigned char>(text[i]);
  }
  return sum == *want;
}

/// Digest of all that was read of a source.
class HashingSource : public Source {
 public:
  explicit HashingSource(Source& from) : from_(from) {}
  std::size_t read(std::span<std::byte> into) override {
    std::size_t got = from_.read(into);
    hash_.update(into.first(got));
    return got;
  }
  /// Reads what is left.
  Digest finish() {
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
    while (read({buffer.get(), kStreamBufferBytes}) > 0) continue;
    return hash_.finish();
  }

 private:
  Source& from_;
  Hasher hash_;
};

bool begins_with_tar(Source& tar, Block& block) {
  try {
    return read_up_to(tar, block) == block.size() && is_tar_header(as_text(block));
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::corrupt || e.kind() == ErrorKind::input) return false;  // only looked compressed
    throw;
  }
}

}  // namespace

bool looks_like_archive(std::string_view start) {
  return is_compressed(as_bytes(start)) ||
         (start.size() >= kTarBlockBytes && is_tar_header(start.substr(0, kTarBlockBytes)));
}

std::optional<ArchiveKind> find_archive_kind(Source& file, const IngestLimits& limits) {
  RewoundSource start(file);
  Compression compression = sniff_compression(as_bytes(start.start()));
  bool layer_form = compression != Compression::none || !is_compressed(as_bytes(start.start()));
  auto tar = decode_confined(start, limits.max_layer_bytes);
  Block block;
  if (!begins_with_tar(*tar, block)) return std::nullopt;
  return ArchiveKind{compression, layer_form};
}

std::optional<FoundArchive> find_archive(Store& store, const std::function<std::unique_ptr<Source>()>& open,
                                         const IngestLimits& limits, std::stop_token stop) {
  auto kind = find_archive_kind(*open(), limits);
  if (!kind) return std::nullopt;
  auto writer = store.blobs().create();
  std::optional<Digest> content;
  auto raw = open();
  if (kind->layer_form) {
    copy(*raw, *writer);
  } else {
    HashingSource hashed(*raw);
    copy(*decode_confined(hashed, limits.max_layer_bytes), *writer);
    content = hashed.finish();
  }
  Descriptor blob = writer->commit(std::string(oci_layer_type(kind->compression)));
  Layer layer = scan_layer(store, blob, std::nullopt, stream_from(store.blobs()), limits, std::move(stop));
  return FoundArchive{std::move(layer), content.value_or(blob.digest)};
}

}  // namespace imgb
