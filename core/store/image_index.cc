#include "core/store/image_index.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

using ordered = nlohmann::ordered_json;

constexpr const char* kRefName = "org.opencontainers.image.ref.name";

std::string name_of(const Descriptor& entry) {
  auto found = entry.annotations.find(kRefName);
  return found == entry.annotations.end() ? "" : found->second;
}

std::string render_empty() { return render(Index{.media_type = std::string(media_type::kOciIndex)}); }

/// Empty only before there is a layout: one that has lost its index says so.
std::string read_text(const Dir& root) {
  auto text = root.find_content(layout::kIndex, kMaxLayoutIndexBytes);
  if (text && !text->empty()) return *std::move(text);
  if (!root.find_stat(layout::kMarker)) return render_empty();
  throw_error(ErrorKind::corrupt, "it is {}", text ? "empty" : "missing");
}

/// Runs `body`, with what the user must know when the index is not what it should be.
template <class Body>
auto with_index(const Dir& root, Body body) {
  try {
    return body();
  } catch (Error& e) {
    e.add_frame(fmt::format("{}/{}", root.name(), layout::kIndex));
    if (e.kind() == ErrorKind::corrupt) e.set_hint("imgb fsck --repair makes it anew from the manifests there are");
    throw;
  }
}

Index read_index(const Dir& root) {
  return with_index(root, [&] { return parse_layout_index(read_text(root)); });
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

/// REQUIRES: the lock. Refuses what could not be read again.
void write_index(const Dir& root, const ordered& index) {
  std::string text = index.dump(-1, ' ', false, ordered::error_handler_t::replace);
  if (text.size() > kMaxLayoutIndexBytes)
    throw Error(ErrorKind::unsupported, fmt::format("{} would have {} bytes, more than the limit of {}", layout::kIndex,
                                                    text.size(), kMaxLayoutIndexBytes))
        .set_hint("remove names that nobody needs: imgb rmi, or imgb prune -a");
  root.replace_file(layout::kIndex, text, 0644);
}

bool is_entry(const ordered& entry) {
  try {
    parse_layout_index(ordered{{"schemaVersion", 2}, {"manifests", ordered::array({entry})}}.dump());
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// What is whole of an index that is not; nothing of what is not even JSON.
Entries salvage(std::string_view text) {
  ordered index = ordered::parse(text, nullptr, false);
  auto manifests = index.is_object() ? index.find("manifests") : index.end();
  Entries entries;
  if (manifests == index.end() || !manifests->is_array()) return entries;
  std::copy_if(manifests->begin(), manifests->end(), std::back_inserter(entries), is_entry);
  return entries;
}

/// By a second name, so that there is an index at every moment.
void set_aside(const Dir& root, const FileStat& index) {
  Dir folder = root.make_dirs(layout::kQuarantine, 0700);
  folder.remove_tree(layout::kIndex);
  if (index.type == FileType::regular)
    root.make_hard_link(layout::kIndex, fmt::format("{}/{}", layout::kQuarantine, layout::kIndex));
  else
    root.rename(layout::kIndex, folder, layout::kIndex);
}

/// Reads, changes and replaces under the lock, so that no change of another process is lost.
void change(const Dir& root, const std::function<void(Entries&)>& edit) {
  FileLock lock = FileLock::take(root, layout::kIndexLock, FileLock::Mode::exclusive);
  std::string text = with_index(root, [&] {
    std::string read = read_text(root);
    parse_layout_index(read);  // refuses what is no index
    return read;
  });
  ordered index = ordered::parse(text);
  ordered& manifests = index["manifests"];
  if (!manifests.is_array()) manifests = ordered::array();
  Entries before(manifests.begin(), manifests.end()), entries = before;
  edit(entries);
  if (entries == before) return;
  manifests = std::move(entries);
  write_index(root, index);
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

std::optional<Descriptor> ImageIndex::find(const Reference& name) const { return find_foreign(name.canonical()); }

std::optional<Descriptor> ImageIndex::find_foreign(std::string_view name) const {
  if (name.empty()) return std::nullopt;
  for (const Descriptor& entry : read_index(root_).manifests)
    if (name_of(entry) == name) return nameless(entry);
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

bool ImageIndex::remove_name(const std::string& name) {
  std::size_t removed = 0;
  change(root_, [&](Entries& entries) {
    removed = std::erase_if(entries, [&](const ordered& entry) { return name_of(entry) == name; });
  });
  return removed > 0;
}

void ImageIndex::rebuild(std::span<const Descriptor> images) {
  FileLock lock = FileLock::take(root_, layout::kIndexLock, FileLock::Mode::exclusive);
  constexpr std::uint64_t kMaxLostBytes = 4 * kMaxLayoutIndexBytes;
  auto old = root_.find_stat(layout::kIndex);
  bool legible = old && old->type == FileType::regular && old->size_bytes <= kMaxLostBytes;
  Entries entries = legible ? salvage(root_.read_file(layout::kIndex, kMaxLostBytes)) : Entries();
  for (const Descriptor& image : images)
    if (!is_held(entries, image.digest.str())) entries.push_back(entry_of(image));
  ordered index = ordered::parse(render_empty());
  index["manifests"] = std::move(entries);
  if (old) set_aside(root_, *old);
  write_index(root_, index);
}

void ImageIndex::remove_image(const Digest& image) {
  change(root_, [&](Entries& entries) {
    std::erase_if(entries, [&](const ordered& entry) { return digest_of(entry) == image.str(); });
  });
}

}  // namespace imgb
