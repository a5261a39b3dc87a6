#include "cli/container_start.h"

#include <algorithm>

#include "cli/accounts.h"
#include "cli/volumes.h"
#include "core/base/error.h"
#include "layerfs/ingest.h"

namespace imgb {

std::vector<Layer> layers_of(const LocalImage& image) {
  return layers_of(image.descriptor.digest, image.manifest.layers, image.config);
}

std::string hostname_of(const RunRequest& request, const std::string& id) {
  return request.hostname.empty() ? id.substr(0, 12) : request.hostname;
}

std::vector<std::string> environment_of(const RunRequest& request, const std::string& id, const UserIds& user) {
  std::vector<std::string> env = request.env;
  if (!has_variable(env, "HOSTNAME")) env.push_back("HOSTNAME=" + hostname_of(request, id));
  if (!has_variable(env, "HOME")) env.push_back("HOME=" + user.home);
  return env;
}

PreparedContainer::PreparedContainer(Store& store, const RunRequest& request, const std::string& id,
                                     std::stop_token stop)
    : isolation_(std::make_shared<HostIsolation>(request.isolation, store.folder("snapshots"))),
      snapshots_(store, [isolated = isolation_] { return isolated->choice().form; }) {
  std::vector<Layer> layers = layers_of(read_local_image(store.blobs(), request.image.value(), Platform::host()));
  auto root = snapshots_.make_root(layers, stream_from(store.blobs()), {}, SnapshotStore::Use::container, stop);
  scratch_.emplace(std::move(root.scratch));
  spec_.root = root_fs(snapshots_.folder(), *scratch_, std::move(root.lower));
  // What a new volume begins with: the image's layers, without the mount points under them.
  std::vector<std::string> folders = {spec_.root.tree};
  if (!scratch_->is_tree()) folders = {spec_.root.lower.rbegin() + 1, spec_.root.lower.rend()};
  SnapshotTree image(snapshots_.folder(), std::move(folders));
  bool needs_home = !has_variable(request.env, "HOME");
  spec_.user = find_user(request.user, needs_home, [&](const std::string& path, std::uint64_t max_bytes) {
    return snapshots_.find_content(layers, RootedPath::clean(path), max_bytes, stop);
  });
  spec_.argv = request.argv;
  spec_.hostname = hostname_of(request, id);
  spec_.env = environment_of(request, id, spec_.user);
  spec_.cwd = RootedPath::clean(request.cwd);
  spec_.security = request.security;
  spec_.read_only_root = request.read_only;
  spec_.no_new_privileges = request.no_new_privileges;
  spec_.add_capabilities = request.add_capabilities;
  spec_.drop_capabilities = request.drop_capabilities;
  spec_.network = request.network;
  spec_.extra_hosts = request.extra_hosts;
  spec_.limits = request.limits;
  spec_.tty = request.tty;
  spec_.container = true;
  if (!request.dns.empty()) {
    spec_.resolv_conf.emplace();
    for (const std::string& address : request.dns) *spec_.resolv_conf += "nameserver " + address + "\n";
  }
  add_volumes(store, request, image);
}

// What lies below another one's place comes after it, whatever the order of the flags (Docker).
void PreparedContainer::add_volumes(Store& store, const RunRequest& request, const SnapshotTree& image) {
  std::vector<VolumeRequest> volumes = request.volumes;
  std::ranges::stable_sort(volumes, {},
                           [](const VolumeRequest& v) { return RootedPath::clean(v.target).components().size(); });
  for (const VolumeRequest& volume : volumes) {
    RootedPath target = RootedPath::clean(volume.target);
    if (volume.kind == VolumeRequest::Kind::tmpfs) {
      spec_.mounts.push_back(
          TmpfsMount{target, volume.size_bytes, volume.mode, volume.executable, volume.uid, volume.gid});
      continue;
    }
    if (volume.kind == VolumeRequest::Kind::anonymous && volume.copy && isolation_->choice().chroot) {
      // The tree is the container's own and ends with it, as the volume would.
      snapshots_.folder().open_dir(spec_.root.tree).make_dirs(target.relative(), 0755, Links::in_root);
      continue;
    }
    sources_.push_back(open_volume(store, volume, image));
    spec_.mounts.push_back(BindMount{.source_fd = sources_.back().get(),
                                     .target = target,
                                     .read_only = volume.read_only,
                                     .recursive = volume.kind == VolumeRequest::Kind::folder});
  }
}

Fd PreparedContainer::open_volume(Store& store, const VolumeRequest& volume, const SnapshotTree& image) {
  if (volume.kind == VolumeRequest::Kind::folder) return open_host_volume(volume);
  if (volume.kind == VolumeRequest::Kind::named) return open_named_volume(store, volume, image);
  anonymous_.push_back(snapshots_.make_scratch({}));
  return make_volume(anonymous_.back().open_upper(), "volume", volume, image).fd().duplicate();
}

}  // namespace imgb
