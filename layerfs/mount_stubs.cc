#include "layerfs/mount_stubs.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>

#include "core/base/error.h"

namespace imgb {
namespace {

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

void remove_stub(const Dir& root, const RootedPath& path) {
  try {
    auto stub = root.find_stat(path.relative(), Links::refuse);
    if (!stub || (stub->type != FileType::directory && (stub->type != FileType::regular || stub->size_bytes))) return;
    Dir parent = root.open_dir(path.parent().relative());
    FileTime before = parent.stat("").mtime;
    if (parent.remove(path.name())) parent.set_mtime("", before);
  } catch (const SystemError& e) {
    // The step put something of its own there, or around it: that is part of its layer.
    if (e.errno_value() != ENOTEMPTY && e.errno_value() != ELOOP && e.errno_value() != EXDEV &&
        e.errno_value() != ENOTDIR)
      throw;
  }
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
