#include "layerfs/snapshot_marks.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxMarkBytes = 4096;
constexpr std::string_view kMarkSuffix = ".ok";

std::string this_boot() {
  return std::string(trim(Dir::open_host("/proc/sys/kernel/random").read_file("boot_id", kMaxMarkBytes)));
}

}  // namespace

SnapshotMarks::SnapshotMarks(Dir folder, Lease& lease, SnapshotForm form)
    : folder_(std::move(folder)), lease_(lease), form_(form), boot_id_(this_boot()) {}

std::string SnapshotMarks::name_for(const StackKey& stack, std::size_t length) const {
  std::string name = snapshot_name(stack, length);
  return form_ == SnapshotForm::trees ? std::string(kTreePrefix) + name : name;
}

void SnapshotMarks::remember(const StackKey& stack, const std::string& name) const {
  if (form_ == SnapshotForm::layers) known_.with([&](auto& names) { names.emplace(stack.digest, name); });
}

std::optional<SnapshotMarks::Found> SnapshotMarks::find_mark(std::string_view snapshot) const {
  std::string name = mark_name(snapshot);
  auto there = folder_.find_stat(name);
  if (!there || there->type != FileType::regular) return std::nullopt;
  auto file = folder_.find_file(name, O_RDONLY | O_NOFOLLOW);
  if (!file) return std::nullopt;
  FileStat stat = stat_of(*file, name);
  auto mark = stat.size_bytes <= kMaxMarkBytes ? find_ready_mark(read_all(*file, kMaxMarkBytes, name)) : std::nullopt;
  return mark ? std::optional(Found{*std::move(mark), stat.inode, stat.ctime}) : std::nullopt;
}

std::optional<ReadyMark> SnapshotMarks::read_mark(std::string_view snapshot) const {
  auto found = find_mark(snapshot);
  return found ? std::optional(std::move(found->mark)) : std::nullopt;
}

std::optional<std::string> SnapshotMarks::find(const StackKey& stack) const {
  auto known = known_.with([&](auto& names) -> std::optional<std::string> {
    auto at = names.find(stack.digest);
    return at == names.end() ? std::nullopt : std::optional(at->second);
  });
  if (known) return known;
  for (std::size_t length : kSnapshotNameLengths) {
    std::string name = name_for(stack, length);
    auto mark = lease_.hold(lease_name(name), [&] { return read_mark(name); });
    if (!mark) return std::nullopt;
    if (mark->stack != stack) continue;
    if (!mark->holds(boot_id_)) return std::nullopt;
    remember(stack, name);
    return name;
  }
  return std::nullopt;
}

/// At no time is there no mark where there was one: others look without a lock, and take a folder without one for
/// remains.
void SnapshotMarks::write_mark(const Dir& aside, std::string_view snapshot, const ReadyMark& mark) const {
  Fd file = aside.open_file(kNewMarkName, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  write_all(file, render(mark), "ready mark");
  aside.rename(kNewMarkName, folder_, mark_name(snapshot));
}

std::string SnapshotMarks::publish(const StackKey& stack, const Dir& from, std::string_view from_name) {
  if (auto there = find(stack)) return *there;
  for (std::size_t length : kSnapshotNameLengths) {
    std::string name = name_for(stack, length);
    auto mark = read_mark(name);
    if (mark && mark->stack != stack && mark->holds(boot_id_)) continue;
    folder_.remove_tree(mark_name(name));
    folder_.remove_tree(name);
    lease_.note(lease_name(name));
    from.rename(from_name, folder_, name, Dir::Rename::no_replace);
    write_mark(from, name, {stack, boot_id_});
    made_any_ = true;
    remember(stack, name);
    return name;
  }
  throw_error(ErrorKind::internal, "no free name for snapshot {}", stack.digest.str());
}

void SnapshotMarks::settle(const Dir& root, const std::function<void()>& sync) {
  for (;;) {
    std::map<std::string, Found> unsettled;
    for (const SnapshotStore::Snapshot& snapshot : list()) {
      auto found = find_mark(snapshot.name);
      if (found && !found->mark.boot_id.empty()) unsettled.emplace(snapshot.name, *std::move(found));
    }
    if (unsettled.empty()) return;
    sync();
    CollectionLock alone(root);  // a mark is written again only for what has not been removed meanwhile
    for (const auto& [name, before] : unsettled) {
      auto now = find_mark(name);
      bool same =
          now && now->mark.stack == before.mark.stack && now->inode == before.inode && now->ctime == before.ctime;
      if (same) write_mark(folder_, name, {before.mark.stack, ""});
    }
  }
}

std::vector<SnapshotStore::Snapshot> SnapshotMarks::list() const {
  std::vector<SnapshotStore::Snapshot> out;
  for (const Dir::Entry& entry : folder_.list()) {
    if (!entry.name.ends_with(kMarkSuffix)) continue;
    std::string name = entry.name.substr(0, entry.name.size() - kMarkSuffix.size());
    auto mark = read_mark(name);
    if (mark && mark->holds(boot_id_)) out.push_back({std::move(name), mark->stack});
  }
  return out;
}

std::vector<std::string> SnapshotMarks::find_idle() const {
  // The list comes first: who makes a snapshot notes it in his lease before it appears.
  std::set<std::string> names;
  for (const Dir::Entry& entry : folder_.list()) {
    bool is_mark = entry.name.ends_with(kMarkSuffix);
    if (is_mark) names.insert(entry.name.substr(0, entry.name.size() - kMarkSuffix.size()));
    bool is_snapshot = !entry.name.starts_with(kScratchPrefix) && entry.name != kMountPointsName;
    if (is_snapshot && entry.type == FileType::directory) names.insert(entry.name);
  }
  std::set<std::string> held = lease_.held_by_others();
  std::erase_if(names, [&](const std::string& name) { return held.contains(lease_name(name)); });
  return {names.begin(), names.end()};
}

std::vector<std::string> SnapshotMarks::find_unused(std::vector<std::string> idle,
                                                    const std::set<StackKey>& kept) const {
  std::erase_if(idle, [&](const std::string& name) {
    auto mark = read_mark(name);
    return mark && mark->holds(boot_id_) && kept.contains(mark->stack);
  });
  return idle;
}

void SnapshotMarks::take_out(const std::string& name, const Dir& to) {
  folder_.remove_tree(mark_name(name));
  if (folder_.find_stat(name)) folder_.rename(name, to, name);
  known_.with([&](auto& names) { std::erase_if(names, [&](const auto& known) { return known.second == name; }); });
}

}  // namespace imgb
