#include "layerfs/upper_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "layerfs/upper_files.h"

namespace imgb {
namespace {

using Kind = TocEntry::Kind;

FileMeta meta_of(const FileStat& stat) {
  FileMeta meta{.type = stat.type, .mode = stat.mode, .uid = stat.uid, .gid = stat.gid, .mtime = stat.mtime};
  if (stat.type == FileType::regular) meta.size_bytes = stat.size_bytes;
  if (stat.type == FileType::character_device || stat.type == FileType::block_device) meta.rdev = stat.rdev;
  return meta;
}

/// A folder being read. Its descriptor is given up while a folder below it is read, so that depth costs none.
struct Level {
  struct Event {
    std::string key;  ///< Name, or name and "/" for a folder's content: in this order paths ascend.
    FileType type = FileType::regular;
    bool removed = false;
    std::vector<ListedName> content;  ///< Of a folder's content.
    bool hides = false;               ///< Of a folder's content: nothing of the layers below shows in it.
  };
  RootedPath path;
  bool hides = false;
  bool is_below = false;      ///< The layers below have this folder.
  std::vector<Event> events;  ///< Names, ascending.
  std::size_t next = 0;
  std::vector<Event> later;  ///< Contents of folders whose turn has not come; the next one last.
  Dir dir;
  std::optional<UpperFiles::Folder> files;  ///< Made with the first file.

  bool done() const { return next == events.size() && later.empty(); }
  Event take() {
    if (!later.empty() && (next == events.size() || later.back().key < events[next].key)) {
      Event event = std::move(later.back());
      later.pop_back();
      return event;
    }
    return std::move(events[next++]);
  }
};

using Node = TreeView::Node;

class ChangeReader {
 public:
  ChangeReader(const Dir& root, const ChangeSource& changes, const TreeView& below, const LayerOptions& options,
               LayerWriter& into)
      : root_(root), changes_(changes), there_(below), options_(options), into_(into) {}

  void run(const std::stop_token& stop) {
    RootedPath top;
    bool hides = read_upper_xattrs(root_.open_file("", O_RDONLY | O_DIRECTORY), "/").opaque;
    push(top, changes_.list(root_, top, hides, there_), hides);
    while (!levels_.empty()) {
      throw_if_stopped(stop);
      Level& level = levels_.back();
      if (level.done()) {
        levels_.pop_back();
        continue;
      }
      Level::Event event = level.take();
      if (event.key.ends_with('/')) {
        event.key.pop_back();
        level.dir = Dir();
        push(level.path.child(event.key), std::move(event.content), event.hides);
      } else {
        read(level, event);
      }
    }
  }

 private:
  void push(RootedPath path, std::vector<ListedName> content, bool hides) {
    Level level;
    there_.go_to(path);
    level.is_below = there_.is_folder();
    level.path = std::move(path);
    level.hides = hides;
    level.events.reserve(content.size());
    for (ListedName& one : content) level.events.push_back({std::move(one.name), one.type, one.removed, {}});
    levels_.push_back(std::move(level));
  }

  /// What the layers below have in the folder of `level`.
  std::optional<Node> find_below(const Level& level, const RootedPath& path) {
    return level.is_below ? find_below(path) : std::nullopt;
  }
  std::optional<Node> find_below(const RootedPath& path) {
    there_.go_to(path);
    return there_.node();
  }

  void read(Level& level, const Level::Event& event) {
    RootedPath path = level.path.child(event.key);
    if (event.removed) return into_.add({.path = path, .kind = Kind::removed});
    if (!level.dir) level.dir = root_.open_dir(level.path.relative());
    switch (event.type) {
      case FileType::directory:
        return read_folder(level, event.key, path);
      case FileType::regular:
        return read_file(level, event.key, path);
      default:
        return read_special(level, event.key, path);
    }
  }

  struct ReadFolder {
    TocEntry entry;
    bool hides = false;
    std::vector<ListedName> content;
  };
  ReadFolder look_at_folder(const Dir& parent, const std::string& name, const RootedPath& path, bool parent_hides) {
    Dir dir = parent.open_dir(name);
    ReadFolder out;
    out.entry.path = path;
    out.entry.meta = meta_of(stat_of(dir.fd(), path.str()));
    UpperXattrs xattrs = read_upper_xattrs(dir.fd(), path.str());
    if (xattrs.redirect)
      throw_error(ErrorKind::unsupported, "{}: a folder renamed by overlayfs redirect", printable(path.str()));
    out.entry.meta.xattrs = std::move(xattrs.layer);
    out.hides = parent_hides || xattrs.opaque;
    out.content = changes_.list(dir, path, out.hides, there_);
    return out;
  }

  void read_folder(Level& level, const std::string& name, const RootedPath& path) {
    ReadFolder folder = look_at_folder(level.dir, name, path, level.hides);
    if (is_like(folder.entry.meta, find_below(level, path)) && !changes_inside(folder)) return;
    into_.add(std::move(folder.entry));
    if (!folder.content.empty())
      level.later.push_back({name + '/', FileType::directory, false, std::move(folder.content), folder.hides});
  }

  /// Whether anything in a folder leaves an entry. What was found out on the way is remembered: nothing is looked at
  /// more than twice.
  bool changes_inside(const ReadFolder& folder) {
    const RootedPath& path = folder.entry.path;
    if (auto known = inside_.find(path); known != inside_.end()) return known->second;
    bool found = false;
    if (!folder.content.empty()) {
      Dir dir = root_.open_dir(path.relative());
      found = std::ranges::any_of(folder.content, [&](const ListedName& one) { return is_change(dir, one, folder); });
    }
    inside_.emplace(path, found);
    return found;
  }

  bool is_change(const Dir& dir, const ListedName& one, const ReadFolder& in) {
    if (one.removed) return true;
    RootedPath path = in.entry.path.child(one.name);
    auto there = find_below(path);
    if (!there) return true;
    if (one.type == FileType::directory) {
      ReadFolder folder = look_at_folder(dir, one.name, path, in.hides);
      return !is_like(folder.entry.meta, there) || changes_inside(folder);
    }
    if (one.type != FileType::regular) return !is_like(look_at_special(dir, one.name), there);
    Fd file = open_upper_file(dir, one.name);
    UpperFile read{.stat = stat_of(file, one.name), .xattrs = read_upper_xattrs(file, one.name)};
    return !is_unchanged(dir, one.name, read, *there);
  }

  bool is_like(FileMeta mine, const std::optional<Node>& there) const {
    if (!there) return false;
    FileMeta theirs = there->meta;
    mine.mtime = layer_mtime(mine.mtime, options_.max_mtime);
    theirs.mtime = layer_mtime(theirs.mtime, options_.max_mtime);
    if (mine.type == FileType::symlink) mine.mode = theirs.mode;  // a link has none of its own
    return mine == theirs;
  }

  static FileMeta meta_of_file(const UpperFile& file) {
    FileMeta meta = meta_of(file.stat);
    meta.xattrs = file.xattrs.layer;
    return meta;
  }

  static Digest digest_of(const Dir& dir, const std::string& name, const UpperFile& file) {
    if (file.is_whole) return Digest::of(file.content);
    FdSource source(open_upper_file(dir, name), name);
    HashingSink hash;
    copy(source, hash);
    return hash.finish();
  }

  /// A file that got another name is given with both, so that the layer can say that they are one. Where it had several
  /// below, one that is as it was stays as it is there: overlayfs has made the others files of their own.
  bool is_unchanged(const Dir& dir, const std::string& name, const UpperFile& file, const Node& there) const {
    if (file.stat.link_count > 1 && there.link_group == 0 && changes_.got_name(file.stat)) return false;
    return there.content && is_like(meta_of_file(file), there) && digest_of(dir, name, file) == *there.content;
  }

  void read_file(Level& level, const std::string& name, const RootedPath& path) {
    if (!level.files) level.files.emplace(files_, names_of_files(name, level));
    UpperFile file = level.files->take(level.dir);
    if (file.stat.type != FileType::regular)
      throw_error(ErrorKind::input, "{} changed while it was read", printable(path.str()));
    TocEntry entry;
    entry.path = path;
    auto there = find_below(level, path);
    if (there && is_unchanged(level.dir, name, file, *there)) return;
    if (find_link(entry, file.stat)) return into_.add(entry);
    if (there && file.stat.link_count == 1 && find_sibling(entry, level.dir, name, file, *there))
      return into_.add(entry);
    if (file.xattrs.metacopy)
      throw_error(ErrorKind::unsupported, "{}: a file whose data is elsewhere (overlayfs metacopy)",
                  printable(path.str()));
    entry.meta = meta_of_file(file);
    if (file.is_whole) {
      SpanSource source(as_bytes(file.content));
      return into_.add(std::move(entry), &source);
    }
    FdSource source(open_upper_file(level.dir, name), path.str());
    into_.add(std::move(entry), &source);
  }

  /// `first`, and those whose turn has not come.
  static std::vector<std::string> names_of_files(const std::string& first, const Level& level) {
    std::vector<std::string> names = {first};
    for (std::size_t i = level.next; i < level.events.size(); ++i)
      if (level.events[i].type == FileType::regular && !level.events[i].removed) names.push_back(level.events[i].key);
    return names;
  }

  /// True, and `entry` made a hard link, when another name of this file came before.
  bool find_link(TocEntry& entry, const FileStat& stat) {
    if (stat.link_count < 2) return false;
    auto [first, is_first] = links_.try_emplace({stat.device, stat.inode}, entry.path);
    return !is_first && make_link(entry, first->second);
  }
  /// The same when another name was one file with this one below, and was changed in the same way.
  bool find_sibling(TocEntry& entry, const Dir& dir, const std::string& name, const UpperFile& file,
                    const Node& there) {
    if (there.link_group == 0 || !changes_.splits_links()) return false;
    Sibling mine{entry.path, meta_of_file(file), digest_of(dir, name, file)};
    mine.meta.mtime = layer_mtime(mine.meta.mtime, options_.max_mtime);
    std::vector<Sibling>& others = siblings_[there.link_group];
    for (const Sibling& other : others)
      if (other.meta == mine.meta && other.content == mine.content) return make_link(entry, other.path);
    others.push_back(std::move(mine));
    return false;
  }
  static bool make_link(TocEntry& entry, const RootedPath& to) {
    entry.kind = Kind::hard_link;
    entry.link_to = to;
    return true;
  }

  static FileMeta look_at_special(const Dir& dir, const std::string& name) {
    FileMeta meta = meta_of(dir.stat(name));
    if (meta.type == FileType::symlink) meta.link_target = dir.read_link(name);
    return meta;
  }

  void read_special(const Level& level, const std::string& name, const RootedPath& path) {
    TocEntry entry;
    entry.path = path;
    entry.meta = look_at_special(level.dir, name);
    if (is_like(entry.meta, find_below(level, path))) return;
    if (find_link(entry, level.dir.stat(name))) return into_.add(entry);
    into_.add(std::move(entry));
  }

  struct Sibling {
    RootedPath path;
    FileMeta meta;
    Digest content;
  };
  using FileId = std::pair<std::uint64_t, std::uint64_t>;  ///< Device and inode.

  const Dir& root_;
  const ChangeSource& changes_;
  TreeView::Descent there_;
  const LayerOptions& options_;
  LayerWriter& into_;
  UpperFiles files_;
  std::vector<Level> levels_;
  std::map<RootedPath, bool> inside_;
  std::map<FileId, RootedPath> links_;
  std::map<std::uint64_t, std::vector<Sibling>> siblings_;
};

}  // namespace

void read_changes(const Dir& root, const ChangeSource& changes, const TreeView& below, const LayerOptions& options,
                  LayerWriter& into, const std::stop_token& stop) {
  ChangeReader(root, changes, below, options, into).run(stop);
}

}  // namespace imgb
