#include "builder/cache_mounts.h"

#include <optional>
#include <random>

#include "core/base/error.h"
#include "core/store/disk_usage.h"
#include "core/store/file_lock.h"

namespace imgb {
namespace cache_mounts {

std::string numbered(const std::string& id, int number) { return number == 0 ? id : fmt::format("{}.{}", id, number); }

std::string new_name(const std::string& name) {
  std::random_device random;
  return fmt::format("{}.new-{:08x}{:08x}", name, random(), random());
}

std::string lock_name(std::string_view id) { return std::string(id) + ".lock"; }
std::string private_lock_name(std::string_view name) { return std::string(name) + ".private.lock"; }

}  // namespace cache_mounts

namespace {

using namespace cache_mounts;

std::string id_of(const std::string& name) { return name.substr(0, name.find('.')); }
/// Of what is being made: the one it will be.
std::string target_of(const std::string& name) { return name.substr(0, name.find(".new-")); }

/// Both locks under which a step could use it; nullopt when one does.
struct Alone {
  FileLock shared, own;
};
std::optional<Alone> lock_idle(const Dir& folder, const std::string& name) {
  auto shared = FileLock::try_take(folder, lock_name(id_of(name)), FileLock::Mode::exclusive);
  if (!shared) return std::nullopt;
  auto own = FileLock::try_take(folder, private_lock_name(target_of(name)), FileLock::Mode::exclusive);
  if (!own) return std::nullopt;
  return Alone{std::move(*shared), std::move(*own)};
}

Nanoseconds last_use(const Dir& folder, const std::string& name) {
  Nanoseconds last = 0;
  for (const std::string& lock : {lock_name(id_of(name)), private_lock_name(target_of(name))})
    if (auto stat = folder.find_stat(lock)) last = std::max(last, stat->mtime);
  return last;
}

}  // namespace

std::vector<CacheMount> list_idle_cache_mounts(const Dir& folder) {
  std::vector<CacheMount> idle;
  for (const Dir::Entry& entry : folder.list()) {
    if (entry.type != FileType::directory) continue;
    if (FileLock::is_held(folder, lock_name(id_of(entry.name))) ||
        FileLock::is_held(folder, private_lock_name(target_of(entry.name))))
      continue;
    idle.push_back({entry.name, disk_bytes_below(folder, entry.name), last_use(folder, entry.name)});
  }
  return idle;
}

bool remove_cache_mount(const Dir& folder, const std::string& name) {
  auto alone = lock_idle(folder, name);
  if (alone) folder.remove_tree(name);
  return alone.has_value();
}

}  // namespace imgb
