#include "layerfs/toc_record.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// Of all names, links and attributes of one layer (V21): room for two million entries of the usual kind.
constexpr std::size_t kMaxPoolBytes = 192 << 20;

std::string encode_xattrs(const Xattrs& xattrs) {
  std::string out;
  for (const auto& [key, value] : xattrs) {
    std::array<std::uint32_t, 2> lengths{static_cast<std::uint32_t>(key.size()),
                                         static_cast<std::uint32_t>(value.size())};
    out.append(reinterpret_cast<const char*>(lengths.data()), sizeof lengths);
    out.append(key).append(value);
  }
  return out;
}

[[noreturn]] void throw_malformed(std::string_view what) {
  throw_error(ErrorKind::corrupt, "table of contents: {}", what);
}

std::string_view slice_of(std::string_view pool, TocRecord::Slice slice) {
  if (std::uint64_t{slice.offset} + slice.length > pool.size()) throw_malformed("a record points outside the pool");
  return pool.substr(slice.offset, slice.length);
}

Xattrs decode_xattrs(std::string_view rest) {
  Xattrs out;
  while (!rest.empty()) {
    std::array<std::uint32_t, 2> lengths{};
    if (rest.size() < sizeof lengths) throw_malformed("bad extended attributes");
    std::memcpy(lengths.data(), rest.data(), sizeof lengths);
    rest.remove_prefix(sizeof lengths);
    if (std::uint64_t{lengths[0]} + lengths[1] > rest.size()) throw_malformed("bad extended attributes");
    out.emplace(rest.substr(0, lengths[0]), rest.substr(lengths[0], lengths[1]));
    rest.remove_prefix(std::size_t{lengths[0]} + lengths[1]);
  }
  return out;
}

RootedPath decode_path(std::string_view text) {
  if (!text.starts_with('/')) throw_malformed("a path that is not rooted");
  try {
    return RootedPath::parse_strict(text);
  } catch (const Error&) {
    throw_malformed("bad path " + printable(text));
  }
}

TocRecord record_of(const TocEntry& entry) {
  TocRecord record;
  record.kind = static_cast<std::uint8_t>(entry.kind);
  record.type = static_cast<std::uint8_t>(entry.meta.type);
  record.mode = entry.meta.mode;
  record.uid = entry.meta.uid;
  record.gid = entry.meta.gid;
  record.mtime = entry.meta.mtime;
  record.size_bytes = entry.meta.size_bytes;
  record.rdev = entry.meta.rdev;
  record.data_offset = entry.data_offset;
  return record;
}

}  // namespace

TocEntry decode(const TocRecord& record, std::string_view pool) {
  if (record.kind > static_cast<int>(TocEntry::Kind::opaque) || record.type > static_cast<int>(FileType::socket))
    throw_malformed("unknown kind of entry");
  TocEntry entry;
  entry.path = decode_path(slice_of(pool, record.path));
  entry.kind = static_cast<TocEntry::Kind>(record.kind);
  entry.meta.type = static_cast<FileType>(record.type);
  entry.meta.mode = record.mode & 07777;
  entry.meta.uid = record.uid;
  entry.meta.gid = record.gid;
  entry.meta.mtime = record.mtime;
  entry.meta.size_bytes = record.size_bytes;
  entry.meta.rdev = record.rdev;
  if (record.xattrs.length) entry.meta.xattrs = decode_xattrs(slice_of(pool, record.xattrs));
  entry.data_offset = record.data_offset;
  if (record.has_content) entry.content = Digest::from_raw(DigestAlgorithm::sha256, record.content);
  std::string_view target = slice_of(pool, record.target);
  if (entry.kind == TocEntry::Kind::hard_link) {
    entry.link_to = decode_path(target);
  } else {
    entry.meta.link_target = target;
  }
  return entry;
}

void TocBuilder::check_room(std::uint64_t more_bytes) const {
  if (pool_.size() + more_bytes > kMaxPoolBytes)
    throw_error(ErrorKind::input, "names and attributes of more than {}", render_size(kMaxPoolBytes));
}

TocRecord::Slice TocBuilder::keep_text(std::string_view text) {
  if (text.empty()) return {};
  check_room(text.size());
  TocRecord::Slice slice{static_cast<std::uint32_t>(pool_.size()), static_cast<std::uint32_t>(text.size())};
  pool_.append(text);
  return slice;
}

std::size_t TocBuilder::add(const TocEntry& entry) {
  for (const RootedPath* path : {&entry.path, &entry.link_to}) {
    if (path->str().size() > kMaxPathBytes)
      throw_error(ErrorKind::input, "entry {}: a path of more than {} bytes", printable(path->str()), kMaxPathBytes);
  }
  TocRecord record = record_of(entry);
  record.path = keep_text(entry.path.str());
  record.target = keep_text(entry.kind == TocEntry::Kind::hard_link ? entry.link_to.str()
                                                                    : std::string_view(entry.meta.link_target));
  if (!entry.meta.xattrs.empty()) record.xattrs = keep_text(encode_xattrs(entry.meta.xattrs));
  records_.push_back(record);
  if (entry.content) set_content(records_.size() - 1, entry.data_offset, *entry.content);
  return records_.size() - 1;
}

TocEntry TocBuilder::entry(std::size_t index) const { return decode(records_[index], pool_); }

std::optional<std::size_t> TocBuilder::find_sorted(std::string_view wanted, TocEntry::Kind wanted_kind) const {
  auto at = std::ranges::lower_bound(records_, wanted, {}, [this](const TocRecord& r) { return text(r.path); });
  for (; at != records_.end() && text(at->path) == wanted; ++at) {
    if (static_cast<TocEntry::Kind>(at->kind) == wanted_kind) return static_cast<std::size_t>(at - records_.begin());
  }
  return std::nullopt;
}

void TocBuilder::set_content(std::size_t index, std::uint64_t data_offset, const Digest& content) {
  if (content.algorithm() != DigestAlgorithm::sha256)
    throw_error(ErrorKind::internal, "content digest of {} is not sha256", printable(path(index)));
  TocRecord& record = records_[index];
  record.data_offset = data_offset;
  record.has_content = 1;
  std::ranges::copy(content.raw(), record.content.begin());
}

Toc TocBuilder::finish() {
  std::vector<std::uint32_t> all(records_.size());
  std::iota(all.begin(), all.end(), 0U);
  return finish(std::move(all));
}

Toc TocBuilder::finish(std::vector<std::uint32_t> keep) {
  auto key = [this](std::uint32_t index) { return std::tuple(path(index), records_[index].kind); };
  auto less = [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); };
  if (!std::ranges::is_sorted(keep, less)) std::ranges::sort(keep, less);
  auto twice = std::ranges::adjacent_find(keep, [&](auto a, auto b) { return key(a) == key(b); });
  if (twice != keep.end()) throw_error(ErrorKind::internal, "two entries for {} in one layer", printable(path(*twice)));

  arrange(std::move(keep));
  Toc::Table table;
  for (const TocRecord& record : records_) ++table.count_of_kind.at(record.kind);
  table.made_records = std::move(records_);
  table.made_pool = std::move(pool_);
  return Toc(std::move(table));
}

/// Puts the records that `order` names into that order, in place, since they may be most of our memory, and drops the
/// others.
void TocBuilder::arrange(std::vector<std::uint32_t> order) {
  std::size_t kept = order.size();
  std::vector<bool> named(records_.size());
  for (std::uint32_t index : order) named[index] = true;
  for (std::uint32_t index = 0; index < records_.size(); ++index)
    if (!named[index]) order.push_back(index);
  // Along each cycle of the permutation; what is in its place already is a cycle of one.
  for (std::uint32_t start = 0; start < order.size(); ++start) {
    if (order[start] == start) continue;
    TocRecord first = records_[start];
    std::uint32_t at = start;
    while (order[at] != start) {
      records_[at] = records_[order[at]];
      at = std::exchange(order[at], at);
    }
    records_[at] = first;
    order[at] = at;
  }
  records_.resize(kept);
}

}  // namespace imgb
