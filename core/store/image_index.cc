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

/// The entries as they are written, so that what other tools noted there and we do not know survives.
using Entries = std::vector<ordered>;

std::string name_of(const ordered& entry) {
  auto annotations = entry.find("annotations");
  bool has_some = annotations != entry.end() && annotations->is_object();
  return has_some ? annotations->value(kRefName, "") : "";
}

std::string digest_of(const ordered& entry) { return entry.at("digest").get<std::string>(); }

void remove_name_of(ordered& entry) {
  auto annotations = entry.find("annotations");
  if (annotations == entry.end() || !annotations->is_object()) return;
  annotations->erase(kRefName);
  if (annotations->empty()) entry.erase("annotations");
}

ordered entry_of(const Descriptor& image) {
  Index one{.media_type = std::string(media_type::kOciIndex), .manifests = {image}};
  return std::move(ordered::parse(render(one)).at("manifests").at(0));
}

bool is_held(const Entries& entries, const std::string& digest) {
  return std::any_of(entries.begin(), entries.end(), [&](const ordered& entry) { return digest_of(entry) == digest; });
}

/// Reads, changes and replaces under the lock, so that no change of another process is lost.
void change(const Dir& root, const std::function<void(Entries&)>& edit) {
  FileLock lock = FileLock::take(root, layout::kIndexLock, FileLock::Mode::exclusive);
  read_index(root);  // refuses what is no index
  auto text = root.find_content(layout::kIndex, kMaxIndexBytes);
  ordered index =
      ordered::parse(text && !text->empty() ? *text : render(Index{.media_type = std::string(media_type::kOciIndex)}));
  ordered& manifests = index["manifests"];
  if (!manifests.is_array()) manifests = ordered::array();
  Entries before(manifests.begin(), manifests.end()), entries = before;
  edit(entries);
  if (entries == before) return;
  manifests = entries;
  root.replace_file(layout::kIndex, index.dump(), 0644);
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
  std::string wanted = name.canonical(), digest = image.digest.str();
  change(root_, [&](Entries& entries) {
    // A nameless entry of this image becomes the named one, with all that it says.
    ordered named = entry_of(image);
    for (const ordered& entry : entries)
      if (digest_of(entry) == digest && (name_of(entry).empty() || name_of(entry) == wanted)) named = entry;
    named["annotations"][kRefName] = wanted;
    std::erase_if(entries, [&](const ordered& entry) { return digest_of(entry) == digest && name_of(entry).empty(); });
    auto old =
        std::find_if(entries.begin(), entries.end(), [&](const ordered& entry) { return name_of(entry) == wanted; });
    if (old == entries.end()) {
      entries.push_back(std::move(named));
      return;
    }
    ordered displaced = std::exchange(*old, std::move(named));
    remove_name_of(displaced);
    if (!is_held(entries, digest_of(displaced))) entries.push_back(std::move(displaced));
  });
}

void ImageIndex::keep(const Descriptor& image) {
  change(root_, [&](Entries& entries) {
    ordered entry = entry_of(image);
    remove_name_of(entry);
    if (!is_held(entries, image.digest.str())) entries.push_back(std::move(entry));
  });
}

bool ImageIndex::remove_name(const Reference& name) {
  std::string wanted = name.canonical();
  std::size_t removed = 0;
  change(root_, [&](Entries& entries) {
    removed = std::erase_if(entries, [&](const ordered& entry) { return name_of(entry) == wanted; });
  });
  return removed > 0;
}

void ImageIndex::remove_image(const Digest& image) {
  change(root_, [&](Entries& entries) {
    std::erase_if(entries, [&](const ordered& entry) { return digest_of(entry) == image.str(); });
  });
}

}  // namespace imgb
