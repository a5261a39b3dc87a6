#include "builder/archive_input.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/codec.h"
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
bool is_tar_header(const Block& block) {
  std::string_view text = as_text(block);
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

bool begins_with_tar(Source& raw) {
  try {
    auto tar = make_sniffing_decompressor(raw);
    Block block;
    return read_up_to(*tar, block) == block.size() && is_tar_header(block);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::corrupt || e.kind() == ErrorKind::input) return false;  // only looked compressed
    throw;
  }
}

bool has_layer_codec(Source& raw) {
  std::array<std::byte, 8> start{};
  std::string_view text = as_text(std::span(start).first(read_up_to(raw, start)));
  return !text.starts_with("BZh") && !text.starts_with(std::string_view("\xfd\x37zXZ\0", 6));
}

Compression compression_of(Source& raw) {
  std::array<std::byte, 8> start{};
  read_up_to(raw, start);
  return sniff_compression(start);
}

}  // namespace

std::optional<Layer> find_archive(Store& store, const std::function<std::unique_ptr<Source>()>& open,
                                  const IngestLimits& limits, std::stop_token stop) {
  if (!begins_with_tar(*open())) return std::nullopt;
  bool as_it_is = has_layer_codec(*open());
  Compression compression = as_it_is ? compression_of(*open()) : Compression::none;
  auto writer = store.blobs().create();
  auto raw = open();
  if (as_it_is) {
    copy(*raw, *writer);
  } else {
    // No layer is compressed like this: it becomes a plain tar on the way in.
    copy(*make_sniffing_decompressor(*raw), *writer);
  }
  Descriptor blob = writer->commit(std::string(oci_layer_type(compression)));
  return scan_layer(store, blob, std::nullopt, stream_from(store.blobs()), limits, std::move(stop));
}

}  // namespace imgb
