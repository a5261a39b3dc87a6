#include "core/store/disk_usage.h"

#include <algorithm>
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
    {"snapshots", "unpacked layers", true},
    {"tocs", "tables of contents", true},
    {"cache-mounts", "cache mounts", true},
    {"containers", "containers", false},
    {"volumes", "volumes", false},
    {layout::kIngest, "unfinished downloads", true},
    {layout::kQuarantine, "quarantine", true},
};

class Counter {
 public:
  void add(const FileStat& stat, Usage& usage) {
    bool is_folder = stat.type == FileType::directory;
    if (!is_folder && stat.link_count > 1 && !linked_.emplace(stat.device, stat.inode).second) return;
    usage.files += !is_folder;
    usage.size_bytes += stat.disk_bytes;
  }

  /// Of any depth: folders wait as paths, so that one descriptor is open at a time. What goes meanwhile is not counted.
  void add_tree(const Dir& root, const std::string& top, Usage& usage) {
    auto stat = root.find_stat(top);
    if (stat) add(*stat, usage);
    std::vector<std::string> folders = {top};
    while (!folders.empty()) {
      std::string path = std::move(folders.back());
      folders.pop_back();
      auto dir = root.find_dir(path);
      if (!dir) continue;
      for (const Dir::Entry& entry : dir->list()) {
        if (entry.type == FileType::directory) folders.push_back(path + "/" + entry.name);
        if (auto below = dir->find_stat(entry.name)) add(*below, usage);
      }
    }
  }

 private:
  std::set<std::pair<std::uint64_t, std::uint64_t>> linked_;
};

/// What images need, as far as it can be known: of one that cannot be read only what names it.
std::set<Digest> needed_blobs(Store& store) {
  std::set<Digest> needed;
  for (const NamedImage& image : store.images().list()) {
    needed.insert(image.descriptor.digest);
    try {
      needed.merge(reachable({&image.descriptor, 1}, manifests_of(store.blobs())));
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt) throw;
    }
  }
  return needed;
}

void add_blobs(Store& store, Counter& counter, Usage& images, Usage& others) {
  std::set<Digest> needed = needed_blobs(store);
  for (const Digest& digest : store.blobs().list()) {
    auto stat = store.root().find_stat(layout::blob(digest));
    if (stat) counter.add(*stat, needed.contains(digest) ? images : others);
  }
}

bool has_own_row(std::string_view name) {
  return std::any_of(std::begin(kParts), std::end(kParts), [&](const Part& part) { return part.folder == name; });
}

/// Folders of blobs, names, marks and locks.
void add_rest(const Dir& root, Counter& counter, Usage& cache, Usage& rest) {
  counter.add(root.stat("."), rest);
  for (const Dir::Entry& entry : root.list()) {
    if (has_own_row(entry.name)) continue;
    bool is_cache = entry.name.starts_with(layout::kCache);
    if (entry.name != layout::kBlobs) {
      counter.add_tree(root, entry.name, is_cache ? cache : rest);
      continue;
    }
    counter.add(root.stat(entry.name), rest);
    for (const Dir::Entry& folder : root.open_dir(entry.name).list())
      counter.add(root.stat(entry.name + "/" + folder.name), rest);
  }
}

}  // namespace

std::vector<Usage> disk_usage(Store& store) {
  Counter counter;
  Usage images{.category = "images"}, others{.category = "build cache", .disposable = true};
  add_blobs(store, counter, images, others);
  std::vector<Usage> all = {images, others};
  for (const Part& part : kParts) {
    Usage usage{.category = std::string(part.category), .disposable = part.disposable};
    counter.add_tree(store.root(), std::string(part.folder), usage);
    all.push_back(std::move(usage));
  }
  Usage cache{.category = "cache database", .disposable = true}, rest{.category = "names and locks"};
  add_rest(store.root(), counter, cache, rest);
  all.push_back(std::move(cache));
  all.push_back(std::move(rest));
  return all;
}

std::uint64_t disk_bytes_below(const Dir& root, const std::string& path) {
  Usage usage;
  Counter().add_tree(root, path, usage);
  return usage.size_bytes;
}

}  // namespace imgb
