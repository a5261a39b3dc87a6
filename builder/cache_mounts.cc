#include "builder/cache_mounts.h"

#include <optional>
#include <random>

#include "builder/copy_selection.h"
#include "builder/root_folder.h"
#include "builder/tree_input.h"
#include "core/base/error.h"
#include "core/store/disk_usage.h"
#include "core/store/file_lock.h"
#include "core/store/lock_wait.h"
#include "layerfs/upper_reader.h"

namespace imgb {
namespace cache_mounts {

std::string owner_text(const run_mount::Cache& cache) {
  std::uint32_t uid = cache.uid.value_or(0), gid = cache.gid.value_or(0), mode = cache.mode.value_or(0755);
  return uid == 0 && gid == 0 && mode == 0755 ? "" : fmt::format(" {}:{} {:04o}", uid, gid, mode);
}

std::string folder_of(const run_mount::Cache& cache) {
  std::string owner = owner_text(cache);
  if (owner.empty()) return Digest::of(cache.id).hex();
  Ingredients all;
  all.add("id", cache.id);
  all.add("owner", owner);
  return all.key().hex();
}

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

std::optional<Layer> pack_cache_mount(Store& store, const std::string& name, const LayerOptions& options,
                                      const std::stop_token& stop) {
  Dir folder = store.folder(kFolder);
  if (!folder.find_stat(name)) return std::nullopt;
  FileLock shared = take_lock(folder, lock_name(name), FileLock::Mode::exclusive, stop);
  FileLock own = take_lock(folder, private_lock_name(name), FileLock::Mode::exclusive, stop);
  auto content = folder.find_dir(name);
  if (!content) return std::nullopt;
  LayerWriter writer(store, options, stop);
  read_changes(*content, UpperChanges(), TreeView(), options, writer, stop);
  return writer.finish();
}

void unpack_cache_mount(StepServices& services, const Layer& layer, const Dir& into, Activity& activity,
                        const std::stop_token& stop) {
  FileSystem files = FileSystem{}.with({layer, 0, {}});
  TreeInput input(services, ScratchInput{}, files, activity, stop);
  CopyItem all = select_subtree(input.tree(), RootedPath(), stop);
  std::vector<const TreeView::Node*> wanted;
  for (const TreeView::Node& node : all.nodes)
    if (node.meta.type == FileType::regular) wanted.push_back(&node);
  input.prepare(wanted);
  write_tree(
      all, [&](const TreeView::Node& node) { return input.open(node); }, into);
}

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
