#include "layerfs/toc.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/checksum.h"
#include "layerfs/toc_record.h"

namespace imgb {
Toc::Toc() : Toc(std::vector<TocEntry>{}) {}

Toc::Toc(const std::vector<TocEntry>& entries) {
  TocBuilder builder;
  for (const TocEntry& entry : entries) builder.add(entry);
  *this = builder.finish();
}

Toc::Toc(Table&& table) : table_(std::make_shared<const Table>(std::move(table))), count_(table_->records().size()) {}

TocEntry Toc::operator[](std::size_t index) const { return decode(table_->records()[index], table_->pool()); }

std::string_view Toc::path(std::size_t index, std::size_t skipped) const {
  TocRecord::Slice slice = table_->records()[index].path;
  std::string_view pool = table_->pool();
  if (std::uint64_t{slice.offset} + slice.length > pool.size())
    throw_error(ErrorKind::corrupt, "table of contents: a path outside the pool");
  if (skipped > slice.length) throw_error(ErrorKind::corrupt, "table of contents: a path out of order");
  return pool.substr(slice.offset + skipped, slice.length - skipped);
}

TocEntry::Kind Toc::kind(std::size_t index) const { return static_cast<TocEntry::Kind>(table_->records()[index].kind); }

bool Toc::is_folder(std::size_t index) const {
  const TocRecord& record = table_->records()[index];
  return record.kind == static_cast<int>(TocEntry::Kind::file) && record.type == static_cast<int>(FileType::directory);
}

std::size_t Toc::count_of(TocEntry::Kind kind) const {
  return table_->count_of_kind.at(static_cast<std::size_t>(kind));
}

std::size_t Toc::lower_bound(std::string_view wanted, std::size_t from, std::size_t to, std::size_t skipped) const {
  while (from < to) {
    std::size_t middle = from + (to - from) / 2;
    if (path(middle, skipped) < wanted) {
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

void write_toc(const Toc& toc, Sink& into) {
  const Toc::Table& table = *toc.table_;
  std::span<const std::byte> records = std::as_bytes(table.records()), pool = as_bytes(table.pool());
  TocHeader header;
  header.count = static_cast<std::uint32_t>(table.records().size());
  header.count_of_kind = table.count_of_kind;
  header.pool_bytes = pool.size();
  header.checksum = join_crc32(crc32(records), crc32(pool), pool.size());
  into.write(std::as_bytes(std::span(&header, 1)));
  if (!records.empty()) into.write(records);
  if (!pool.empty()) into.write(pool);
}

namespace {

[[noreturn]] void refuse(std::string_view why) { throw_error(ErrorKind::corrupt, "table of contents: {}", why); }

void fill(Source& from, std::span<std::byte> into) {
  while (!into.empty()) {
    std::size_t got = from.read(into);
    if (got == 0) refuse("too short");
    into = into.subspan(got);
  }
}

TocHeader read_header(Source& from, std::uint64_t size_bytes) {
  TocHeader header;
  if (size_bytes < sizeof header) refuse("too short");
  fill(from, std::as_writable_bytes(std::span(&header, 1)));
  if (header.magic != kTocMagic) refuse("not a table of contents of this version");
  std::uint64_t records_bytes = std::uint64_t{header.count} * sizeof(TocRecord);
  if (size_bytes - sizeof header < records_bytes || size_bytes - sizeof header - records_bytes != header.pool_bytes)
    refuse("wrong length");
  return header;
}

}  // namespace

bool has_length_of_toc(Source& from, std::uint64_t size_bytes) {
  try {
    read_header(from, size_bytes);
    return true;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;
    return false;
  }
}

Toc read_toc(Source& from, std::uint64_t size_bytes) {
  TocHeader header = read_header(from, size_bytes);
  Toc::Table table;
  table.count_of_kind = header.count_of_kind;
  table.read = std::make_unique_for_overwrite<std::byte[]>(size_bytes - sizeof header);
  table.read_count = header.count;
  table.read_pool_bytes = header.pool_bytes;
  std::span<std::byte> rest(table.read.get(), size_bytes - sizeof header);
  fill(from, rest);
  if (crc32(rest) != header.checksum) refuse("wrong checksum");
  return Toc(std::move(table));
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
