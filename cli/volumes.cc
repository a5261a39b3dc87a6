#include "cli/volumes.h"

#include <fcntl.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/store/file_lock.h"

namespace imgb {

Fd open_host_volume(const VolumeRequest& volume) {
  Fd fd(::open(volume.source.c_str(), O_PATH | O_CLOEXEC));
  if (fd) return fd;
  if (errno != ENOENT || !volume.make_source) throw_errno("volume {}", volume.source);
  return Dir::make_host(volume.source, 0755).fd().duplicate();
}

Dir make_volume(const Dir& folder, const std::string& name, const VolumeRequest& volume, const SnapshotTree& image) {
  if (!volume.copy || !image.copy_folder(RootedPath::clean(volume.target), folder, name)) folder.make_dir(name, 0755);
  return folder.open_dir(name);
}

Fd open_named_volume(Store& store, const VolumeRequest& volume, const SnapshotTree& image) {
  constexpr const char* kNew = ".new";  // no volume's name
  Dir volumes = store.folder("volumes");
  if (auto known = volumes.find_dir(volume.source)) return known->fd().duplicate();
  FileLock alone = FileLock::take(volumes, ".lock", FileLock::Mode::exclusive);
  if (auto known = volumes.find_dir(volume.source)) return known->fd().duplicate();
  volumes.remove_tree(kNew);  // of who died over it
  Dir made = make_volume(volumes, kNew, volume, image);
  volumes.rename(kNew, volumes, volume.source, Dir::Rename::no_replace);
  return made.fd().duplicate();
}

}  // namespace imgb
