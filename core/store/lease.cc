#include "core/store/lease.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <optional>
#include <random>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxLeaseBytes = 256 << 20;

std::string random_name() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

struct Lease::State {
  explicit State(const Dir& where) : root(where.duplicate()) {}

  /// A collector may take the file for a dead one's between its making and its locking: then it has no name any more.
  void open() {
    folder = root.make_dirs(layout::kLeases, 0700);
    do {
      name = random_name();
      file = folder.open_file(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
    } while (!try_lock(file) || stat_of(file, name).link_count == 0);
  }

  /// One who can write there may remove things: not before this ends.
  void keep_collectors_out(const SystemError& why_no_lease) {
    FileLock lock = FileLock::take(root, layout::kCollectLock, FileLock::Mode::shared);
    // Else this process may want to collect, and would wait for itself.
    if (!lock.is_read_only()) throw why_no_lease;
    no_collection = std::move(lock);
  }

  Dir root, folder;
  std::string name;
  Fd file;
  std::optional<FileLock> no_collection;  ///< In the place of a file.
  mutable std::mutex mutex;
  std::set<std::string, std::less<>> noted;
};

Lease::Lease(const Dir& root) : state_(std::make_unique<State>(root)) {}

Lease::~Lease() {
  // Failing that, it is one of a dead process soon.
  if (state_->file) ::unlinkat(state_->folder.fd().get(), state_->name.c_str(), 0);
}

bool Lease::is_noted(std::string_view thing) const {
  std::lock_guard hold(state_->mutex);
  return state_->no_collection || state_->noted.contains(thing);
}

void Lease::note(std::string_view thing) {
  std::lock_guard hold(state_->mutex);
  if (state_->no_collection || state_->noted.contains(thing)) return;
  try {
    if (!state_->file) state_->open();
  } catch (const SystemError& e) {
    if (!forbids_writing(e)) throw;
    state_->keep_collectors_out(e);
    return;
  }
  write_all(state_->file, std::string(thing) + "\n", layout::kLeases);
  state_->noted.emplace(thing);
}

FileLock Lease::lock_for_looking() const {
  return FileLock::take(state_->root, layout::kCollectLock, FileLock::Mode::shared);
}

std::set<std::string> Lease::held_by_others() const {
  std::set<std::string> things;
  std::string ours = [&] {
    std::lock_guard hold(state_->mutex);
    return state_->name;
  }();
  Dir folder = state_->root.make_dirs(layout::kLeases, 0700);
  for (const Dir::Entry& entry : folder.list()) {
    if (entry.name == ours) continue;
    auto file = folder.find_file(entry.name, O_RDONLY);
    if (!file) continue;
    if (try_lock(*file)) {
      folder.remove(entry.name);
      continue;
    }
    std::string text = read_all(*file, kMaxLeaseBytes, entry.name);
    for (std::string_view line : split(text, '\n')) things.emplace(line);
  }
  return things;
}

CollectionLock::CollectionLock(const Dir& root)
    : lock_(FileLock::take(root, layout::kCollectLock, FileLock::Mode::exclusive)) {}

}  // namespace imgb
