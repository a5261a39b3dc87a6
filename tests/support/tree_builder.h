#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/store.h"
#include "layerfs/layer_writer.h"
#include "layerfs/toc.h"

namespace imgb {

/// Describes one layer in a few words, for tests: `TreeBuilder().dir("/etc").file("/etc/passwd", "root:...").toc()`.
class TreeBuilder {
 public:
  TreeBuilder& dir(std::string_view path, std::uint32_t mode = 0755);
  TreeBuilder& file(std::string_view path, std::string_view content, std::uint32_t mode = 0644);
  TreeBuilder& symlink(std::string_view path, std::string_view target);
  TreeBuilder& hard_link(std::string_view path, std::string_view link_to);
  TreeBuilder& device(std::string_view path, FileType type, std::uint64_t rdev);
  TreeBuilder& removed(std::string_view path);
  TreeBuilder& opaque(std::string_view path);  ///< The folder itself too.
  // Of the entry added last:
  TreeBuilder& owner(std::uint32_t uid, std::uint32_t gid);
  TreeBuilder& mtime(FileTime mtime);
  TreeBuilder& xattr(std::string key, std::string value);

  std::vector<TocEntry> entries() const;  ///< Sorted; files with their digests, no offsets.
  std::shared_ptr<const Toc> toc() const;
  Layer write_layer(Store& store, LayerOptions options = {}, Dir also_unpack = {}) const;

 private:
  TocEntry& add(std::string_view path, TocEntry::Kind kind);
  std::vector<TocEntry> entries_;
  std::map<RootedPath, std::string> contents_;
};

}  // namespace imgb
