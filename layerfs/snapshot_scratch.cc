#include "layerfs/snapshot_scratch.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/snapshot_names.h"

namespace imgb {
namespace {

std::string random_name() {
  std::array<std::byte, 8> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) throw_errno("getrandom");
  return std::string(kScratchPrefix) + hex(bytes);
}

/// `body` gets the name, and the folder itself, whose lock is ours as long as it is open.
template <class Body>
void for_each_dead(const Dir& snapshots, Body body) {
  for (const Dir::Entry& entry : snapshots.list()) {
    if (!entry.name.starts_with(kScratchPrefix)) continue;
    auto dir = snapshots.find_dir(entry.name);
    if (dir && try_lock(dir->fd())) body(entry.name, *std::move(dir));
  }
}

}  // namespace

SnapshotStore::Scratch::State::State(const Dir& snapshots, std::shared_ptr<BackgroundRemover> takes)
    : remover(std::move(takes)), folder(snapshots.duplicate()) {
  // A sweep of another process may take the folder between its making and its locking: then it has no name any more.
  do {
    name = random_name();
    folder.make_dir(name, 0700);
    auto made = folder.find_dir(name);
    if (!made) continue;
    dir = *std::move(made);
    lock(dir.fd());
  } while (!dir || !folder.find_stat(name));
  upper = fmt::format("{}/{}", name, kUpperName);
  work = fmt::format("{}/{}", name, kWorkName);
  dir.make_dir(kUpperName, 0755);
  dir.make_dir(kWorkName, 0700);
  dir.set_mode(kUpperName, 0755);  // whatever the umask
}

SnapshotStore::Scratch::State::~State() {
  try {
    if (remover)
      remover->remove(std::move(folder), std::move(name), std::move(dir));
    else
      folder.remove_tree(name);
  } catch (const std::exception&) {
    // Unlocked now: the next process sweeps it.
  }
}

void sweep_scratch(const Dir& snapshots, BackgroundRemover& remover) {
  for_each_dead(snapshots,
                [&](const std::string& name, Dir dir) { remover.remove(snapshots.duplicate(), name, std::move(dir)); });
}

void sweep_scratch(const Dir& snapshots, const std::function<void(const std::string&)>& on_left) {
  for_each_dead(snapshots, [&](const std::string& name, const Dir&) {
    try {
      snapshots.remove_tree(name);
    } catch (const Error& e) {
      on_left(e.what());
    }
  });
}

SnapshotStore::Scratch::Scratch(std::unique_ptr<State> state) : state_(std::move(state)) {}
SnapshotStore::Scratch::Scratch(Scratch&&) noexcept = default;
SnapshotStore::Scratch& SnapshotStore::Scratch::operator=(Scratch&&) noexcept = default;
SnapshotStore::Scratch::~Scratch() = default;
const std::string& SnapshotStore::Scratch::upper() const { return state_->upper; }
const std::string& SnapshotStore::Scratch::work() const { return state_->work; }
const std::string& SnapshotStore::Scratch::name() const { return state_->name; }
bool SnapshotStore::Scratch::is_tree() const { return state_->is_tree; }

Dir SnapshotStore::Scratch::open_upper() {
  state_->needs_seal = true;
  return state_->dir.open_dir(kUpperName);
}

void place_apart(const Dir& snapshots) {
  int flags = 0;
  if (::ioctl(snapshots.fd().get(), FS_IOC_GETFLAGS, &flags) < 0 || (flags & FS_TOPDIR_FL)) return;
  flags |= FS_TOPDIR_FL;
  // A hint: where it cannot be given (a store of another owner, another file system) all works as well.
  static_cast<void>(::ioctl(snapshots.fd().get(), FS_IOC_SETFLAGS, &flags));
}

}  // namespace imgb
