#include "layerfs/toc.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/checksum.h"
#include "layerfs/toc_record.h"

namespace imgb {
namespace {

TocHeader header_of(std::string_view bytes) {
  TocHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

TocRecord record_at(std::string_view bytes, std::size_t index) {
  TocRecord record;
  std::memcpy(&record, bytes.data() + sizeof(TocHeader) + index * sizeof record, sizeof record);
  return record;
}

std::string_view pool_of(std::string_view bytes, std::size_t count) {
  return bytes.substr(sizeof(TocHeader) + count * sizeof(TocRecord));
}

}  // namespace

Toc::Toc() : Toc(std::vector<TocEntry>{}) {}

Toc::Toc(const std::vector<TocEntry>& entries) {
  TocBuilder builder;
  for (const TocEntry& entry : entries) builder.add(entry);
  *this = builder.finish();
}

TocEntry Toc::operator[](std::size_t index) const { return decode(record_at(bytes_, index), pool_of(bytes_, count_)); }

std::string_view Toc::path(std::size_t index) const {
  TocRecord::Slice slice;  // the first member: a search reads nothing else of a record
  std::memcpy(&slice, bytes_.data() + sizeof(TocHeader) + index * sizeof(TocRecord), sizeof slice);
  std::string_view pool = pool_of(bytes_, count_);
  if (std::uint64_t{slice.offset} + slice.length > pool.size())
    throw_error(ErrorKind::corrupt, "table of contents: a path outside the pool");
  return pool.substr(slice.offset, slice.length);
}

TocEntry::Kind Toc::kind(std::size_t index) const { return static_cast<TocEntry::Kind>(record_at(bytes_, index).kind); }

bool Toc::is_folder(std::size_t index) const {
  TocRecord record = record_at(bytes_, index);
  return record.kind == static_cast<int>(TocEntry::Kind::file) && record.type == static_cast<int>(FileType::directory);
}

std::size_t Toc::count_of(TocEntry::Kind kind) const {
  return header_of(bytes_).count_of_kind.at(static_cast<std::size_t>(kind));
}

std::size_t Toc::lower_bound(std::string_view wanted, std::size_t from, std::size_t to) const {
  while (from < to) {
    std::size_t middle = from + (to - from) / 2;
    if (path(middle) < wanted) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return from;
}

std::optional<std::size_t> Toc::find(std::string_view wanted, TocEntry::Kind wanted_kind) const {
  for (std::size_t i = lower_bound(wanted, 0, count_); i < count_ && path(i) == wanted; ++i) {
    if (kind(i) == wanted_kind) return i;
  }
  return std::nullopt;
}

std::string render(const Toc& toc) { return toc.bytes_; }

Toc parse_toc(std::string bytes) {
  auto refuse = [](std::string_view why) { throw_error(ErrorKind::corrupt, "table of contents: {}", why); };
  if (bytes.size() < sizeof(TocHeader)) refuse("too short");
  TocHeader header = header_of(bytes);
  if (header.magic != kTocMagic) refuse("not a table of contents of this version");
  std::uint64_t records = std::uint64_t{header.count} * sizeof(TocRecord);
  if (bytes.size() - sizeof header < records || bytes.size() - sizeof header - records != header.pool_bytes)
    refuse("wrong length");
  if (crc32(std::string_view(bytes).substr(sizeof header)) != header.checksum) refuse("wrong checksum");
  Toc toc{Toc::Raw{}};
  toc.bytes_ = std::move(bytes);
  toc.count_ = header.count;
  return toc;
}

void check(const Toc& toc) {
  std::array<std::size_t, 4> counts{};
  std::optional<std::tuple<std::string, TocEntry::Kind>> before;
  for (const TocEntry& entry : toc) {
    std::tuple now(entry.path.str(), entry.kind);
    if (before && *before >= now)
      throw_error(ErrorKind::corrupt, "table of contents: {} is out of order", printable(entry.path.str()));
    if (entry.meta.type == FileType::regular && entry.kind == TocEntry::Kind::file && !entry.content)
      throw_error(ErrorKind::corrupt, "table of contents: {} has no digest", printable(entry.path.str()));
    ++counts.at(static_cast<std::size_t>(entry.kind));
    before = std::move(now);
  }
  for (std::size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] != toc.count_of(static_cast<TocEntry::Kind>(kind)))
      throw_error(ErrorKind::corrupt, "table of contents: wrong counts");
  }
}

}  // namespace imgb
