#include "layerfs/segment_table.h"

#include <algorithm>
#include <cstring>

#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kRecordBytes = kKeyBytes + 8 + 3 * 4;

template <class Integer>
void append(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <class Integer>
Integer take(std::string_view& from) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<Integer>(value | static_cast<Integer>(static_cast<unsigned char>(from[i])) << (8 * i));
  from.remove_prefix(sizeof value);
  return value;
}

constexpr std::string_view kKeyPrefix = "segments ";

std::string key_of(const Digest& blob) { return std::string(kKeyPrefix) + blob.str(); }

/// nullopt: not a key of ours (earlier versions had others).
std::optional<Digest> find_blob_of(std::string_view key) {
  return key.starts_with(kKeyPrefix) ? Digest::find(key.substr(kKeyPrefix.size())) : std::nullopt;
}

}  // namespace

SegmentTable::SegmentTable(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::ranges::sort(entries_, {}, &Entry::key);
}

std::optional<PackedPlace> SegmentTable::find(const Digest& key) const {
  auto at = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
  return at != entries_.end() && at->key == key ? std::optional(at->place) : std::nullopt;
}

std::string render(const SegmentTable& table) {
  std::string out;
  out.reserve(table.entries_.size() * kRecordBytes);
  for (const auto& [key, place] : table.entries_) {
    out.append(as_text(key.raw().first(kKeyBytes)));
    append(out, place.offset);
    append(out, place.size_bytes);
    append(out, place.packed_crc);
    append(out, place.raw_crc);
  }
  return out;
}

std::optional<SegmentTable> find_segment_table(std::string_view text) {
  if (text.size() % kRecordBytes != 0) return std::nullopt;
  std::vector<SegmentTable::Entry> entries;
  entries.reserve(text.size() / kRecordBytes);
  while (!text.empty()) {
    Digest key = Digest::from_raw(DigestAlgorithm::sha256, as_bytes(text.substr(0, kKeyBytes)));
    text.remove_prefix(kKeyBytes);
    PackedPlace place;
    place.offset = take<std::uint64_t>(text);
    place.size_bytes = take<std::uint32_t>(text);
    place.packed_crc = take<std::uint32_t>(text);
    place.raw_crc = take<std::uint32_t>(text);
    entries.push_back({key, place});
  }
  return SegmentTable(std::move(entries));
}

void keep_segments(Store& store, const Digest& blob, const SegmentTable& table) {
  store.cache().put(CacheTable::layer, key_of(blob), render(table));
}

void forget_absent_segments(Store& store) {
  store.cache().together([&] {
    for (const std::string& key : store.cache().keys(CacheTable::layer)) {
      auto blob = find_blob_of(key);
      if (!blob || !store.blobs().peek_size(*blob)) store.cache().remove(CacheTable::layer, key);
    }
  });
}

std::optional<SegmentTable> find_segments(Store& store, const Digest& blob) {
  auto text = store.cache().find(CacheTable::layer, key_of(blob));
  return text ? find_segment_table(*text) : std::nullopt;
}

}  // namespace imgb
