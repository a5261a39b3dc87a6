#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/store/store.h"
#include "layerfs/segment_window.h"

namespace imgb {

/// Which segments a blob is made of, and where: what lets the next layer of a changed tree take over the compressed
/// form of all that did not change. A segment's key is the SHA-256 of what its bytes follow from: its tar headers and
/// the digests of its files (layerfs/segment_writer.h).
///
/// CacheTable::layer, key "segments <blob digest>": records of 52 bytes, little endian, ascending by key: 32 bytes of
/// key, offset in the blob as 8, size there, its CRC-32 and the CRC-32 of the uncompressed bytes as 4 each.
class SegmentTable {
 public:
  struct Entry {
    Digest key;
    PackedPlace place;
  };
  SegmentTable() = default;
  explicit SegmentTable(std::vector<Entry> entries);

  std::optional<PackedPlace> find(const Digest& key) const;
  std::size_t size() const { return entries_.size(); }

  friend std::string render(const SegmentTable& table);
  friend std::optional<SegmentTable> find_segment_table(std::string_view text);

 private:
  std::vector<Entry> entries_;  ///< Ascending by key.
};
std::string render(const SegmentTable& table);
std::optional<SegmentTable> find_segment_table(std::string_view text);  ///< nullopt on any other shape.

void keep_segments(Store& store, const Digest& blob, const SegmentTable& table);
std::optional<SegmentTable> find_segments(Store& store, const Digest& blob);
/// Leaves in CacheTable::layer only what is known of blobs that are in the store.
void forget_absent_segments(Store& store);

}  // namespace imgb
