#include "cli/container_start.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "core/base/error.h"
#include "layerfs/ingest.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxAccountFileBytes = 4 << 20;

// A folder of the host for a volume: made like Docker does when -v names one that is not there.
Fd open_volume_source(const VolumeRequest& volume) {
  Fd fd(::open(volume.source.c_str(), O_PATH | O_CLOEXEC));
  if (fd) return fd;
  if (errno != ENOENT || !volume.make_source) throw_errno("volume {}", volume.source);
  return Dir::make_host(volume.source, 0755).fd().duplicate();
}

LocalImage image_of(Store& store, const RunRequest& request) {
  return get_local_image(store, request.manifest_digest, Platform::host());
}

}  // namespace

std::vector<Layer> layers_of(const LocalImage& image) {
  if (image.manifest.layers.size() != image.config.diff_ids.size())
    throw_error(ErrorKind::corrupt, "image {} has {} layers, its config {}", image.id().short_hex(),
                image.manifest.layers.size(), image.config.diff_ids.size());
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i)
    layers.push_back({image.manifest.layers[i], image.config.diff_ids[i]});
  return layers;
}

UserIds find_user(SnapshotStore& snapshots, const std::vector<Layer>& layers, const std::string& user,
                  std::stop_token stop) {
  auto read = [&](const char* path) {
    return snapshots.find_content(layers, RootedPath::clean(path), kMaxAccountFileBytes, stop);
  };
  return resolve_user(user, read("/etc/passwd"), read("/etc/group"));
}

PreparedContainer::PreparedContainer(Store& store, const RunRequest& request, const std::string& id,
                                     std::stop_token stop)
    : snapshots_(store) {
  std::vector<Layer> layers = layers_of(image_of(store, request));
  spec_.root.snapshots = &snapshots_.folder();
  spec_.root.lower = snapshots_.ensure(layers, stream_from(store.blobs()), {}, stop);
  std::reverse(spec_.root.lower.begin(), spec_.root.lower.end());  // RootFs wants the top first.
  spec_.root.lower.push_back(snapshots_.mount_points());
  scratch_.emplace(snapshots_.make_scratch(layers));
  spec_.root.upper = scratch_->upper();
  spec_.root.work = scratch_->work();
  spec_.user = find_user(snapshots_, layers, request.user, stop);
  spec_.argv = request.argv;
  spec_.hostname = request.hostname.empty() ? id.substr(0, 12) : request.hostname;
  spec_.env = request.env;
  if (!has_variable(spec_.env, "HOSTNAME")) spec_.env.push_back("HOSTNAME=" + spec_.hostname);
  if (!has_variable(spec_.env, "HOME")) spec_.env.push_back("HOME=" + spec_.user.home);
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
  if (!request.dns.empty()) {
    spec_.resolv_conf.emplace();
    for (const std::string& address : request.dns) *spec_.resolv_conf += "nameserver " + address + "\n";
  }
  for (const VolumeRequest& volume : request.volumes) add_volume(store, volume);
}

void PreparedContainer::add_volume(Store& store, const VolumeRequest& volume) {
  RootedPath target = RootedPath::clean(volume.target);
  if (volume.kind == VolumeRequest::Kind::tmpfs) {
    spec_.mounts.push_back(TmpfsMount{target, volume.size_bytes, volume.mode, volume.executable});
    return;
  }
  if (volume.kind == VolumeRequest::Kind::named)
    sources_.push_back(store.folder("volumes").make_dirs(volume.source, 0755).fd().duplicate());
  else
    sources_.push_back(open_volume_source(volume));
  spec_.mounts.push_back(BindMount{sources_.back().get(), target, volume.read_only, false});
}

}  // namespace imgb
