#include "core/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/file_blob_store.h"
#include "core/store/layout.h"
#include "core/store/publish.h"

namespace imgb {
namespace {

constexpr std::string_view kBoot = "boot";

void make_layout(const Dir& root) {
  root.make_dirs(layout::blob_folder(DigestAlgorithm::sha256), 0755);
  root.make_dirs(layout::kIngest, 0700);
  // Blobs without an index are a store that has lost it: for fsck to say, not to be made one without images.
  bool has_blobs = !root.open_dir(layout::blob_folder(DigestAlgorithm::sha256)).list().empty();
  if (!has_blobs && !root.find_stat(layout::kIndex)) {
    FileLock lock = FileLock::take(root, layout::kIndexLock, FileLock::Mode::exclusive);
    constexpr std::string_view kEmpty =
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})";
    if (!root.find_stat(layout::kIndex)) root.replace_file(layout::kIndex, kEmpty, 0644);
  }
  // While there is room: whoever frees some takes these locks.
  for (std::string_view lock : {layout::kLock, layout::kIndexLock, layout::kCollectLock, layout::kBlobsLock})
    FileLock::take(root, lock, FileLock::Mode::shared);
  // Last: a folder with this file is a whole store.
  root.replace_file(layout::kMarker, layout::kMarkerContent, 0644);
}

/// A store that another user owns could feed us anything, or be read by them (V95).
void refuse_foreign(const Dir& root) {
  FileStat stat = root.stat(".");
  if (stat.uid == ::geteuid()) return;
  Error e(ErrorKind::denied, fmt::format("store {} belongs to user {}, not to {}", root.name(), stat.uid, ::geteuid()));
  throw e.set_hint("choose another with --root or IMGB_ROOT, or become its owner");
}

/// What a later imgb may have changed is not guessed at.
void refuse_unknown_version(const Dir& root, const FileStat& marker) {
  constexpr std::uint64_t kMaxMarkerBytes = 4096;
  if (marker.type != FileType::regular || marker.size_bytes > kMaxMarkerBytes) return;  // for fsck to say
  auto version = layout::find_unknown_version(root.read_file(layout::kMarker, kMaxMarkerBytes));
  if (!version) return;
  Error e(ErrorKind::unsupported,
          fmt::format("store {} has version {} of the image layout, and this imgb knows version 1", root.name(),
                      printable(*version)));
  throw e.set_hint("use the imgb that made it, or choose another store with --root or IMGB_ROOT");
}

std::string boot_id() {
  auto id = Dir::open_host("/proc/sys/kernel/random").find_content("boot_id", 100);
  return id ? std::string(trim(*id)) : "";
}

/// The boot that the store was used in last; nullopt for a new one. What is no boot's id is as good as another boot's.
std::optional<std::string> find_boot(const Dir& root) {
  constexpr std::uint64_t kMaxBootBytes = 100;
  auto stat = root.find_stat(kBoot);
  if (!stat) return std::nullopt;
  bool legible = stat->type == FileType::regular && stat->size_bytes <= kMaxBootBytes;
  return legible ? root.find_content(kBoot, kMaxBootBytes) : "";
}

bool is_whole(const Dir& root, const Digest& digest) {
  auto file = root.find_file(layout::blob(digest), O_RDONLY);
  if (!file) return true;  // removed meanwhile
  FileStat stat = stat_of(*file, digest.str());
  if ((stat.mode & S_IWUSR) == 0) return true;  // synced before it was named
  try {
    VerifyingSource source(std::make_unique<FdSource>(file->duplicate(), digest.str()), digest, stat.size_bytes);
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
    while (source.read({buffer.get(), kStreamBufferBytes})) continue;
    mark_synced(*file);
    return true;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;
    return false;
  }
}

/// Blobs are synced when they are named. What was not yet when the machine went down may be torn: dropped.
void drop_torn_blobs(const Dir& root, BlobStore& blobs) {
  for (const Digest& digest : blobs.list())
    if (!is_whole(root, digest)) blobs.remove(digest);
}

}  // namespace

struct Store::State {
  explicit State(Dir opened)
      : root(std::move(opened)),
        lock(FileLock::take(root, layout::kLock, FileLock::Mode::shared)),
        lease(root),
        blobs(root.duplicate(), lease),
        images(root),
        cache(root) {}
  Dir root;
  FileLock lock;
  Lease lease;
  FileBlobStore blobs;
  ImageIndex images;
  CacheDb cache;
};

Store Store::open(const std::filesystem::path& path) {
  Dir root =
      in_context([&] { return fmt::format("store {}", path.string()); }, [&] { return Dir::make_host(path, 0700); });
  refuse_foreign(root);
  if (auto marker = root.find_stat(layout::kMarker))
    refuse_unknown_version(root, *marker);
  else
    make_layout(root);
  Store store;
  store.state_ = std::make_unique<State>(std::move(root));
  State& s = *store.state_;
  if (s.lock.is_read_only()) return store;  // what is torn is found when it is read
  std::string boot = boot_id();
  if (find_boot(s.root) != boot) {
    CollectionLock alone(s.root);  // the first to come does it for all
    auto before = find_boot(s.root);
    if (before && *before != boot) drop_torn_blobs(s.root, s.blobs);
    if (before != boot) s.root.replace_file(kBoot, boot, 0600);
  }
  return store;
}

Store::Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

const Dir& Store::root() const { return state_->root; }

Dir Store::folder(std::string_view name) const {
  if (auto there = state_->root.find_dir(name)) return *std::move(there);
  return state_->root.make_dirs(name, 0700);
}

BlobStore& Store::blobs() { return state_->blobs; }
ImageIndex& Store::images() { return state_->images; }
CacheDb& Store::cache() { return state_->cache; }
Lease& Store::lease() { return state_->lease; }

bool Store::lock_exclusively(bool wait) { return state_->lock.change(FileLock::Mode::exclusive, wait); }

}  // namespace imgb
