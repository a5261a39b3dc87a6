#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "layerfs/name_hash.h"
#include "layerfs/toc_record.h"

namespace imgb {

/// The tree that the entries of one foreign layer add up to, in the order of its tar (pure; V3 to V6, V17).
///   - a parent that is a symlink of this layer is followed inside the root, so that every entry has one true path; one
///   that
///     is a file is an error
///   - of several entries for one path the last wins: nothing of what it replaces stays, but for a folder over a
///   folder,
///     which keeps its content and takes the new metadata
///   - a whiteout and a folder of the same path make an opaque folder; a whiteout and anything else is that thing
///   - a hard link names the first name of its file; when that is replaced, another name takes its place
/// Memory: some 150 bytes an entry, its path and its name. Every operation takes time in proportion to what it adds or
/// removes and to the length of its path; no choice of names makes it more. Folders that no entry names are
/// bounded by themselves (V21).
class LayerTree {
 public:
  /// `on_remove` hears of each path, a folder with all below it, that a later entry replaces.
  LayerTree(std::uint64_t max_entries, std::function<void(const RootedPath&)> on_remove);

  struct Place {
    std::uint32_t record = 0;
    RootedPath path;     ///< Without symlinks.
    RootedPath link_to;  ///< Hard links: the name to link to, in this layer or a lower one.
    bool link_is_here = false;
    bool is_new = true;  ///< False for a folder that was there already.
  };
  /// Registers one entry. Whiteouts get a record only in `finish`.
  Place place(TocEntry entry);
  void set_content(const Place& place, std::uint64_t data_offset, const Digest& content) {
    contents_.set_content(place.record, data_offset, content);
  }
  Toc finish();

 private:
  using Id = std::uint32_t;
  static constexpr Id kRoot = 0, kNone = 0xffffffff;
  enum class Shape : std::uint8_t { folder, symlink, other, gone /* only a whiteout */ };
  struct Node {
    Id parent = kNone, first_child = kNone, next = kNone, previous = kNone;
    Id next_in_bucket = kNone;
    std::uint32_t name_offset = 0;
    std::uint32_t record = kNone;  ///< kNone: a parent by implication, or only a whiteout.
    std::uint32_t group = kNone;   ///< Names of one file.
    Id next_in_group = kNone;
    std::uint16_t path_bytes = 0;  ///< Of its whole path, "" for the root.
    std::uint8_t name_bytes = 0;
    Shape shape : 4 = Shape::folder;
    bool removed : 1 = false, opaque : 1 = false, alive : 1 = true;
  };
  struct Group {
    Id holder = kNone;      ///< The name whose record has the metadata.
    Id first_link = kNone;  ///< List of the other names, dead ones included.
    bool promoted = false;  ///< Links' records name an older holder.
  };

  std::string_view name_of(Id id) const {
    return std::string_view(names_).substr(nodes_[id].name_offset, nodes_[id].name_bytes);
  }
  Id& bucket_of(Id parent, std::string_view name) { return buckets_[hash_(parent, name) & (buckets_.size() - 1)]; }
  void grow_buckets();
  Id find_child(Id parent, std::string_view name) const;
  Id add_child(Id parent, std::string_view name, Shape shape);
  Id add_implied(Id parent, std::string_view name);
  RootedPath path_of(Id id) const;
  Id folder_for(const RootedPath& path, const RootedPath& entry);
  Id folder_of_entry(const RootedPath& path);
  Id find_resolved(const RootedPath& path, RootedPath& resolved);
  void remove(Id id);
  void unlink(Id id);
  void forget_name(Id id);
  void leave_group(Id id);
  void place_removed(Id parent, std::string_view name);
  void place_folder(Place& place, Id parent, const TocEntry& entry);
  void place_other(Place& place, Id parent, TocEntry entry);
  Id target_of(TocEntry& link, Id parent);
  void join_group(Id id, Id target, TocEntry& link);
  void count();

  const std::uint64_t max_entries_;
  std::uint64_t entries_ = 0, link_steps_ = 0, implied_bytes_ = 0;
  std::function<void(const RootedPath&)> on_remove_;
  TocBuilder contents_;
  std::vector<Node> nodes_;
  std::string names_;
  std::vector<Group> groups_;
  NameHash hash_;
  std::vector<Id> buckets_;  ///< A power of two of lists: of each living node but the root, by its parent and name.
  RootedPath last_parent_;   // most entries have the parent of the one before
  Id last_parent_id_ = kRoot;
};

}  // namespace imgb
