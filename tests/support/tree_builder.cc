#include "tests/support/tree_builder.h"

#include <algorithm>
#include <tuple>

#include "core/base/stream.h"

namespace imgb {

TocEntry& TreeBuilder::add(std::string_view path, TocEntry::Kind kind) {
  TocEntry& entry = entries_.emplace_back();
  entry.path = RootedPath::parse_strict(path);
  entry.kind = kind;
  return entry;
}

TreeBuilder& TreeBuilder::dir(std::string_view path, std::uint32_t mode) {
  TocEntry& entry = add(path, TocEntry::Kind::file);
  entry.meta.type = FileType::directory;
  entry.meta.mode = mode;
  return *this;
}

TreeBuilder& TreeBuilder::file(std::string_view path, std::string_view content, std::uint32_t mode) {
  TocEntry& entry = add(path, TocEntry::Kind::file);
  entry.meta.mode = mode;
  entry.meta.size_bytes = content.size();
  entry.content = Digest::of(content);
  contents_[entry.path] = content;
  return *this;
}

TreeBuilder& TreeBuilder::symlink(std::string_view path, std::string_view target) {
  TocEntry& entry = add(path, TocEntry::Kind::file);
  entry.meta.type = FileType::symlink;
  entry.meta.mode = 0777;
  entry.meta.link_target = target;
  return *this;
}

TreeBuilder& TreeBuilder::hard_link(std::string_view path, std::string_view link_to) {
  add(path, TocEntry::Kind::hard_link).link_to = RootedPath::parse_strict(link_to);
  return *this;
}

TreeBuilder& TreeBuilder::device(std::string_view path, FileType type, std::uint64_t rdev) {
  TocEntry& entry = add(path, TocEntry::Kind::file);
  entry.meta.type = type;
  entry.meta.mode = 0600;
  entry.meta.rdev = rdev;
  return *this;
}

TreeBuilder& TreeBuilder::removed(std::string_view path) {
  add(path, TocEntry::Kind::removed);
  return *this;
}

TreeBuilder& TreeBuilder::opaque(std::string_view path) {
  dir(path);
  add(path, TocEntry::Kind::opaque);
  return *this;
}

TreeBuilder& TreeBuilder::owner(std::uint32_t uid, std::uint32_t gid) {
  entries_.back().meta.uid = uid;
  entries_.back().meta.gid = gid;
  return *this;
}

TreeBuilder& TreeBuilder::mtime(FileTime mtime) {
  entries_.back().meta.mtime = mtime;
  return *this;
}

TreeBuilder& TreeBuilder::xattr(std::string key, std::string value) {
  entries_.back().meta.xattrs[std::move(key)] = std::move(value);
  return *this;
}

std::vector<TocEntry> TreeBuilder::entries() const {
  std::vector<TocEntry> sorted = entries_;
  std::ranges::sort(sorted, {}, [](const TocEntry& e) { return std::tuple(e.path, e.kind); });
  return sorted;
}

std::shared_ptr<const Toc> TreeBuilder::toc() const { return std::make_shared<const Toc>(entries_); }

Layer TreeBuilder::write_layer(Store& store, LayerOptions options, Dir also_unpack) const {
  LayerWriter writer(store, options, {});
  if (also_unpack) writer.also_unpack(std::move(also_unpack));
  for (const TocEntry& entry : entries()) {
    auto content = contents_.find(entry.path);
    if (content == contents_.end()) {
      writer.add(entry);
    } else {
      SpanSource source(content->second);
      writer.add(entry, &source);
    }
  }
  return writer.finish();
}

}  // namespace imgb
