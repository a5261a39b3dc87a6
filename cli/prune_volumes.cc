#include "cli/prune_volumes.h"

#include <set>

#include "cli/run_request.h"
#include "core/store/disk_usage.h"
#include "sandbox/containers.h"

namespace imgb {
namespace {

constexpr std::string_view kGoing = ".old-";  // no volume's name begins with a dot

std::set<std::string> used_volumes(const Containers& containers) {
  std::set<std::string> used;
  for (const Container& container : containers.list())
    for (const VolumeRequest& volume : parse_run_request(container.config.request).volumes)
      if (volume.kind == VolumeRequest::Kind::named) used.insert(volume.source);
  return used;
}

/// Renamed at once, so that the lock is not held for as long as it takes to remove them.
void take_out(const Dir& folder, const std::string& name) {
  std::string aside = std::string(kGoing) + name;
  folder.remove_tree(aside);
  folder.rename(name, folder, aside);
}

}  // namespace

PrunedVolumes prune_volumes(Store& store, bool dry_run) {
  Dir folder = store.folder("volumes");
  PrunedVolumes gone;
  {
    Containers containers(store.folder("containers"));
    FileLock names = containers.lock_names();
    std::set<std::string> used = used_volumes(containers);
    for (const Dir::Entry& entry : folder.list()) {
      if (entry.type != FileType::directory || entry.name.starts_with('.') || used.contains(entry.name)) continue;
      gone.names.push_back(entry.name);
      if (!dry_run) take_out(folder, entry.name);
    }
  }
  for (const std::string& name : gone.names)
    gone.size_bytes += disk_bytes_below(folder, dry_run ? name : std::string(kGoing) + name);
  if (dry_run) return gone;
  for (const Dir::Entry& entry : folder.list())
    if (entry.name.starts_with(kGoing)) folder.remove_tree(entry.name);
  return gone;
}

}  // namespace imgb
