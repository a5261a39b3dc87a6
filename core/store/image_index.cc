#include "core/store/image_index.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/oci/json.h"
#include "core/oci/manifest.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

using ordered = nlohmann::ordered_json;

constexpr const char* kRefName = "org.opencontainers.image.ref.name";
constexpr std::size_t kMaxIndexBytes = 64 << 20;

std::string name_of(const Descriptor& entry) {
  auto found = entry.annotations.find(kRefName);
  return found == entry.annotations.end() ? "" : found->second;
}

Index read_index(const Dir& root) {
  auto text = root.find_content(layout::kIndex, kMaxIndexBytes);
  if (!text || text->empty()) return {.media_type = std::string(media_type::kOciIndex)};
  return in_context([&] { return fmt::format("{}/{}", root.name(), layout::kIndex); },
                    [&] {
                      auto parsed = parse_manifest(*text, "");
                      if (auto* index = std::get_if<Index>(&parsed)) return std::move(*index);
                      throw_error(ErrorKind::corrupt, "holds a manifest instead of an index");
                    });
}

/// Reads, changes and replaces under the lock, so that no change of another process is lost.
void change(const Dir& root, const std::function<void(std::vector<Descriptor>&)>& edit) {
  FileLock lock = FileLock::take(root, layout::kIndexLock, FileLock::Mode::exclusive);
  Index index = read_index(root);
  std::vector<Descriptor> before = index.manifests;
  edit(index.manifests);
  if (index.manifests != before) root.replace_file(layout::kIndex, render(index), 0644);
}

bool same_image(const Descriptor& a, const Descriptor& b) { return a.digest == b.digest; }

bool is_held(const std::vector<Descriptor>& entries, const Descriptor& image) {
  return std::any_of(entries.begin(), entries.end(), [&](const Descriptor& entry) { return same_image(entry, image); });
}

Descriptor nameless(Descriptor entry) {
  entry.annotations.erase(kRefName);
  return entry;
}

}  // namespace

ImageIndex::ImageIndex(const Dir& root) : root_(root.duplicate()) {}

std::vector<NamedImage> ImageIndex::list() const {
  std::vector<NamedImage> images;
  for (const Descriptor& entry : read_index(root_).manifests) images.push_back({name_of(entry), nameless(entry)});
  std::stable_sort(images.begin(), images.end(),
                   [](const NamedImage& a, const NamedImage& b) { return a.name < b.name; });
  return images;
}

std::optional<Descriptor> ImageIndex::find(const Reference& name) const {
  std::string wanted = name.canonical();
  for (const Descriptor& entry : read_index(root_).manifests)
    if (name_of(entry) == wanted) return nameless(entry);
  return std::nullopt;
}

void ImageIndex::set(const Reference& name, const Descriptor& image) {
  std::string wanted = name.canonical();
  change(root_, [&](std::vector<Descriptor>& entries) {
    Descriptor named = image;
    named.annotations[kRefName] = wanted;
    auto old =
        std::find_if(entries.begin(), entries.end(), [&](const Descriptor& entry) { return name_of(entry) == wanted; });
    std::optional<Descriptor> displaced;
    if (old == entries.end()) {
      entries.push_back(std::move(named));
    } else {
      displaced = nameless(*old);
      *old = std::move(named);
    }
    std::erase_if(entries, [&](const Descriptor& entry) { return same_image(entry, image) && name_of(entry).empty(); });
    if (displaced && !is_held(entries, *displaced)) entries.push_back(*std::move(displaced));
  });
}

void ImageIndex::keep(const Descriptor& image) {
  change(root_, [&](std::vector<Descriptor>& entries) {
    if (!is_held(entries, image)) entries.push_back(nameless(image));
  });
}

bool ImageIndex::remove_name(const Reference& name) {
  std::string wanted = name.canonical();
  std::size_t removed = 0;
  change(root_, [&](std::vector<Descriptor>& entries) {
    removed = std::erase_if(entries, [&](const Descriptor& entry) { return name_of(entry) == wanted; });
  });
  return removed > 0;
}

void ImageIndex::remove_image(const Digest& image) {
  change(root_, [&](std::vector<Descriptor>& entries) {
    std::erase_if(entries, [&](const Descriptor& entry) { return entry.digest == image; });
  });
}

}  // namespace imgb
