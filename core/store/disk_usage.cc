#include "core/store/disk_usage.h"

#include <set>

#include "core/base/error.h"
#include "core/store/gc.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

struct Part {
  std::string_view folder, category;
  bool disposable;
};
constexpr Part kParts[] = {
    {"snapshots", "unpacked layers", true},          {"tocs", "tables of contents", true},
    {"cache-mounts", "cache mounts", true},          {"containers", "containers", false},
    {layout::kIngest, "unfinished downloads", true}, {layout::kQuarantine, "quarantine", true},
};

/// A tree of any depth: folders wait as paths, so that one descriptor is open at a time.
void add_tree(const Dir& root, const std::string& top, Usage& usage) {
  std::vector<std::string> folders = {top};
  std::set<std::pair<std::uint64_t, std::uint64_t>> linked;
  while (!folders.empty()) {
    std::string path = std::move(folders.back());
    folders.pop_back();
    auto dir = root.find_dir(path);
    if (!dir) continue;
    for (const Dir::Entry& entry : dir->list()) {
      if (entry.type == FileType::directory) folders.push_back(path + "/" + entry.name);
      auto stat = entry.type == FileType::regular ? dir->find_stat(entry.name) : std::nullopt;
      if (!stat || (stat->link_count > 1 && !linked.emplace(stat->device, stat->inode).second)) continue;
      ++usage.files;
      usage.size_bytes += stat->size_bytes;
    }
  }
}

Usage cache_usage(const Dir& root) {
  Usage usage{.category = "cache database", .disposable = true};
  for (const char* suffix : {"", "-wal", "-shm"}) {
    auto stat = root.find_stat(std::string(layout::kCache) + suffix);
    if (stat) ++usage.files, usage.size_bytes += stat->size_bytes;
  }
  return usage;
}

}  // namespace

std::vector<Usage> disk_usage(Store& store) {
  std::vector<Descriptor> roots;
  for (NamedImage& image : store.images().list()) roots.push_back(std::move(image.descriptor));
  std::set<Digest> needed = reachable(roots, manifests_of(store.blobs()));
  Usage images{.category = "images"}, others{.category = "build cache", .disposable = true};
  for (const Digest& digest : store.blobs().list()) {
    Usage& usage = needed.contains(digest) ? images : others;
    ++usage.files;
    usage.size_bytes += store.blobs().find_size(digest).value_or(0);
  }
  std::vector<Usage> all = {images, others};
  for (const Part& part : kParts) {
    Usage usage{.category = std::string(part.category), .disposable = part.disposable};
    add_tree(store.root(), std::string(part.folder), usage);
    all.push_back(std::move(usage));
  }
  all.push_back(cache_usage(store.root()));
  return all;
}

}  // namespace imgb
