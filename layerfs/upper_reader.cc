#include "layerfs/upper_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

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
    FileType type;
    std::vector<Dir::Entry> content;  ///< Of a folder's content.
  };
  RootedPath path;
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

class UpperReader {
 public:
  UpperReader(const Dir& upper, const std::function<TreeView()>& below, const LayerOptions& options, LayerWriter& into)
      : upper_(upper), make_below_(below), options_(options), into_(into) {}

  void run(const std::stop_token& stop) {
    push(RootedPath(), upper_.list());
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
        push(level.path.child(event.key), std::move(event.content));
      } else {
        read(level, event);
      }
    }
  }

 private:
  const TreeView& below() {
    if (!below_) below_ = make_below_();
    return *below_;
  }

  void push(RootedPath path, std::vector<Dir::Entry> content) {
    Level level;
    level.path = std::move(path);
    level.events.reserve(content.size());
    for (Dir::Entry& entry : content) level.events.push_back({std::move(entry.name), entry.type, {}});
    levels_.push_back(std::move(level));
  }

  void read(Level& level, const Level::Event& event) {
    if (!level.dir) level.dir = upper_.open_dir(level.path.relative());
    RootedPath path = level.path.child(event.key);
    switch (event.type) {
      case FileType::directory:
        return read_folder(level, event.key, path);
      case FileType::regular:
        return read_file(level, event.key, path);
      case FileType::socket:
        return;
      default:
        return read_special(level.dir, event.key, path);
    }
  }

  void read_folder(Level& level, const std::string& name, const RootedPath& path) {
    Dir dir = level.dir.open_dir(name);
    TocEntry entry;
    entry.path = path;
    entry.meta = meta_of(stat_of(dir.fd(), path.str()));
    UpperXattrs xattrs = read_upper_xattrs(dir.fd(), path.str());
    if (xattrs.redirect)
      throw_error(ErrorKind::unsupported, "{}: a folder renamed by overlayfs redirect", printable(path.str()));
    entry.meta.xattrs = std::move(xattrs.layer);
    std::vector<Dir::Entry> content = dir.list();
    bool unchanged = content.empty() && !xattrs.opaque && is_like_below(entry);
    if (!unchanged) into_.add(entry);
    if (xattrs.opaque && folder_below(path)) into_.add({.path = path, .kind = Kind::opaque});
    if (!content.empty()) level.later.push_back({name + '/', FileType::directory, std::move(content)});
  }

  bool folder_below(const RootedPath& path) {
    auto node = below().find(path);
    return node && node->meta.type == FileType::directory;
  }

  bool is_like_below(const TocEntry& entry) {
    auto node = below().find(entry.path);
    if (!node) return false;
    FileMeta mine = entry.meta, theirs = node->meta;
    mine.mtime = layer_mtime(mine.mtime, options_.max_mtime);
    theirs.mtime = layer_mtime(theirs.mtime, options_.max_mtime);
    return mine == theirs;
  }

  void read_file(Level& level, const std::string& name, const RootedPath& path) {
    if (!level.files) level.files.emplace(files_, names_of_files(name, level));
    UpperFile file = level.files->take(level.dir);
    if (file.stat.type != FileType::regular)
      throw_error(ErrorKind::input, "{} changed while it was read", printable(path.str()));
    TocEntry entry;
    entry.path = path;
    if (find_link(entry, file.stat)) return into_.add(entry);
    if (file.xattrs.metacopy)
      throw_error(ErrorKind::unsupported, "{}: a file whose data is elsewhere (overlayfs metacopy)",
                  printable(path.str()));
    entry.meta = meta_of(file.stat);
    entry.meta.xattrs = std::move(file.xattrs.layer);
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
      if (level.events[i].type == FileType::regular) names.push_back(level.events[i].key);
    return names;
  }

  /// True, and `entry` made a hard link, when another name of this file came before.
  bool find_link(TocEntry& entry, const FileStat& stat) {
    if (stat.link_count < 2) return false;
    auto [first, is_first] = links_.try_emplace({stat.device, stat.inode}, entry.path);
    if (is_first) return false;
    entry.kind = Kind::hard_link;
    entry.link_to = first->second;
    return true;
  }

  void read_special(const Dir& dir, const std::string& name, const RootedPath& path) {
    FileStat stat = dir.stat(name);
    TocEntry entry;
    entry.path = path;
    if (stat.type == FileType::character_device && stat.rdev == 0) {
      entry.kind = Kind::removed;
      if (below().find(path)) into_.add(entry);
      return;
    }
    if (find_link(entry, stat)) return into_.add(entry);
    entry.meta = meta_of(stat);
    if (stat.type == FileType::symlink) entry.meta.link_target = dir.read_link(name);
    into_.add(std::move(entry));
  }

  const Dir& upper_;
  const std::function<TreeView()>& make_below_;
  const LayerOptions& options_;
  LayerWriter& into_;
  std::optional<TreeView> below_;
  UpperFiles files_;
  std::vector<Level> levels_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, RootedPath> links_;
};

/// What the stubs of one folder left to be put right.
struct StubParent {
  FileTime time_before = 0, last_stub = 0;
};

/// nullopt also when the step put a symlink or a file in the way: then the stub is gone, and nothing is followed (V32).
std::optional<FileStat> find_stub(const Dir& upper, const RootedPath& stub) {
  if (stub.is_root()) return std::nullopt;
  try {
    return upper.find_stat(stub.relative(), Links::refuse);
  } catch (const SystemError& e) {
    if (e.errno_value() != ELOOP) throw;
    return std::nullopt;
  }
}

/// What the step put there, or into it, is the step's (BuildKit keeps it too).
bool is_untouched(const Dir& upper, const RootedPath& stub, const FileStat& stat) {
  if (stat.type == FileType::directory) return upper.open_dir(stub.relative()).list().empty();
  return stat.type == FileType::regular && stat.size_bytes == 0;
}

/// The clock that stamps files ticks every few milliseconds.
constexpr FileTime kClockSlack = 20'000'000;

}  // namespace

void read_upper(const Dir& upper, const std::function<TreeView()>& below, const LayerOptions& options,
                LayerWriter& into, const std::stop_token& stop) {
  UpperReader(upper, below, options, into).run(stop);
}

void remove_stubs(const Dir& upper, std::span<const RootedPath> stubs, const std::function<TreeView()>& below) {
  std::map<RootedPath, StubParent, std::greater<>> parents;  // deeper ones first
  auto parent_of = [&](const RootedPath& path) -> StubParent& {
    auto [at, is_new] = parents.try_emplace(path.parent());
    if (is_new) at->second.time_before = upper.stat(path.parent().relative()).mtime;
    return at->second;
  };
  std::set<RootedPath, std::greater<>> inner_first(stubs.begin(), stubs.end());
  for (const RootedPath& stub : inner_first) {
    auto stat = find_stub(upper, stub);
    if (!stat || !is_untouched(upper, stub, *stat)) continue;
    StubParent& parent = parent_of(stub);
    parent.last_stub = std::max(parent.last_stub, stat->ctime);
    upper.remove(stub.relative());
  }
  if (parents.empty()) return;
  const TreeView tree = below();
  while (!parents.empty()) {
    auto [path, parent] = *parents.begin();
    parents.erase(parents.begin());
    auto there = tree.find(path);
    FileStat now = upper.stat(path.relative());
    bool by_stub_alone = parent.time_before <= parent.last_stub + kClockSlack;
    bool empty = !path.is_root() && upper.open_dir(path.relative()).list().empty();
    bool like_below = there && there->meta.mode == now.mode && there->meta.uid == now.uid && there->meta.gid == now.gid;
    if (empty && by_stub_alone && (!there || like_below)) {
      StubParent& above = parent_of(path);
      above.last_stub = std::max(above.last_stub, parent.last_stub);
      upper.remove_tree(path.relative());
    } else if (!path.is_root()) {
      upper.set_mtime(path.relative(), by_stub_alone && there ? there->meta.mtime : parent.time_before);
    }
  }
}

}  // namespace imgb
