#include "core/store/layout_folder.h"

#include <fcntl.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"
#include "core/store/partial_blob.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxMarkerBytes = 64 * 1024;
constexpr std::uint32_t kFileMode = 0644, kFolderMode = 0755;

std::string annotation(const Descriptor& image, const char* key) {
  auto found = image.annotations.find(key);
  return found == image.annotations.end() ? "" : found->second;
}

std::string render_empty() { return render(Index{.media_type = std::string(media_type::kOciIndex)}); }

/// Whether the entry calls itself so: by its ref.name if that is said, else by all that is said.
bool same_name(const Descriptor& a, const std::map<std::string, std::string>& annotations) {
  if (annotations.empty()) return false;
  if (auto name = annotations.find(kRefNameAnnotation); name != annotations.end())
    return annotation(a, kRefNameAnnotation) == name->second;
  return std::ranges::all_of(annotations,
                             [&](const auto& entry) { return annotation(a, entry.first.c_str()) == entry.second; });
}

bool is_nameless(const Descriptor& image) { return annotation(image, kRefNameAnnotation).empty(); }

[[noreturn]] void throw_no_image(std::span<const Descriptor> images, std::string_view reference,
                                 const std::string& what) {
  constexpr std::size_t kShown = 12;
  std::vector<std::string> names;
  for (const Descriptor& image : images) {
    std::string name = annotation(image, kRefNameAnnotation);
    if (names.size() < kShown) names.push_back(printable(name.empty() ? image.digest.str() : name, 128));
  }
  Error error(ErrorKind::not_found, reference.empty()
                                        ? fmt::format("{} holds {} images: which one?", what, images.size())
                                        : fmt::format("{} holds no image {:?}", what, printable(reference, 128)));
  if (!names.empty()) error.set_hint(fmt::format("there is {}", join(names, ", ")));
  throw error;
}

}  // namespace

LayoutFolder LayoutFolder::open(const std::filesystem::path& path) {
  Dir root = Dir::open_host(path);
  if (!root.find_content(layout::kMarker, kMaxMarkerBytes))
    throw_error(ErrorKind::input, "{} is no OCI image layout: it has no file oci-layout", path.string());
  return LayoutFolder(std::move(root));
}

LayoutFolder LayoutFolder::make(const std::filesystem::path& path) {
  Dir root = Dir::make_host(path, kFolderMode);
  if (!root.find_content(layout::kMarker, kMaxMarkerBytes)) {
    if (auto files = root.list(); std::ranges::any_of(files, [](const Dir::Entry& file) {
          return file.name != layout::kBlobs && file.name != layout::kIngest && file.name != layout::kIndex;
        }))
      throw_error(ErrorKind::input, "{} is not empty and no OCI image layout", path.string());
    root.make_dirs(layout::blob_folder(DigestAlgorithm::sha256), kFolderMode);
    if (!root.find_stat(layout::kIndex)) root.replace_file(layout::kIndex, render_empty(), kFileMode);
    root.replace_file(layout::kMarker, layout::kMarkerContent, kFileMode);
  }
  return LayoutFolder(std::move(root));
}

std::unique_ptr<BlobWriter> LayoutFolder::create_expected(const Descriptor& expected) {
  // Made anew each time: another process that is done may just have removed it.
  for (;;) {
    try {
      auto ingest = std::make_shared<Dir>(root_.make_dirs(layout::kIngest, kFolderMode));
      auto place = [this, ingest, digest = expected.digest](const std::string& name, const Fd& file) {
        sync_data(file, name);
        root_.make_dirs(layout::blob_folder(digest.algorithm()), kFolderMode);
        ingest->rename(name, root_, layout::blob(digest));
      };
      return open_partial_blob(
          *ingest, expected, kFileMode, [&] { return find_size(expected.digest) == expected.size_bytes; }, place);
    } catch (const SystemError& error) {
      if (error.errno_value() != ENOENT) throw;
    }
  }
}

std::unique_ptr<Source> LayoutFolder::open_blob(const Digest& digest) const {
  auto file = root_.find_file(layout::blob(digest), O_RDONLY | O_NONBLOCK);
  if (!file) throw_error(ErrorKind::not_found, "no blob {} in {}", digest.str(), root_.name());
  FileStat stat = stat_of(*file, digest.str());
  if (stat.type != FileType::regular)
    throw_error(ErrorKind::input, "{}/{} is no file", root_.name(), layout::blob(digest));
  return std::make_unique<VerifyingSource>(std::make_unique<FdSource>(*std::move(file), digest.str()), digest,
                                           stat.size_bytes);
}

std::optional<std::uint64_t> LayoutFolder::find_size(const Digest& digest) const {
  auto stat = root_.find_stat(layout::blob(digest));
  return stat && stat->type == FileType::regular ? std::optional(stat->size_bytes) : std::nullopt;
}

Index LayoutFolder::index() const {
  return in_context([&] { return fmt::format("{}/{}", root_.name(), layout::kIndex); },
                    [&] { return parse_layout_index(root_.read_file(layout::kIndex, kMaxLayoutIndexBytes)); });
}

std::vector<Descriptor> LayoutFolder::images() const { return index().manifests; }

std::map<Digest, std::uint64_t> LayoutFolder::list_blobs() const {
  std::map<Digest, std::uint64_t> blobs;
  for (DigestAlgorithm algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::sha512}) {
    auto folder = root_.find_dir(layout::blob_folder(algorithm));
    if (!folder) continue;
    for (const Dir::Entry& entry : folder->list()) {
      auto digest = layout::find_blob(algorithm, entry.name);
      auto size = digest ? find_size(*digest) : std::nullopt;
      if (size) blobs.emplace(*digest, *size);
    }
  }
  return blobs;
}

void LayoutFolder::change_images(const std::function<void(std::vector<Descriptor>&)>& edit) const {
  // Of several that add to one layout none loses what another has added.
  Dir alone = root_.open_dir(".");
  lock(alone.fd());
  Index all = index();
  std::vector<Descriptor> before = all.manifests;
  edit(all.manifests);
  if (all.manifests == before) return;
  for (DigestAlgorithm algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::sha512})
    if (auto folder = root_.find_dir(layout::blob_folder(algorithm))) folder->sync();
  root_.replace_file(layout::kIndex, render(all), kFileMode);
}

void LayoutFolder::remove_blob(const Digest& digest) const { root_.remove(layout::blob(digest)); }

void LayoutFolder::tidy() const {
  auto ingest = root_.find_dir(layout::kIngest);
  if (ingest && ingest->list().empty()) {
    try {
      root_.remove(layout::kIngest);
    } catch (const SystemError& error) {
      if (error.errno_value() != ENOTEMPTY) throw;  // another process has just begun
    }
  }
}

const Descriptor& choose_layout_image(std::span<const Descriptor> images, std::string_view reference,
                                      const std::string& what) {
  auto fitting = [&](const std::function<bool(const Descriptor&)>& fits) { return std::ranges::find_if(images, fits); };
  auto end = images.end();
  if (reference.empty()) {
    if (images.size() == 1) return images[0];
    if (auto only = fitting([](const Descriptor& image) { return !is_nameless(image); }); only != end) {
      bool unique = std::ranges::count_if(images, [](const Descriptor& image) { return !is_nameless(image); }) == 1;
      if (unique) return *only;
    }
    throw_no_image(images, reference, what);
  }
  std::string_view digest = reference.starts_with('@') ? reference.substr(1) : reference;
  if (auto pinned = Digest::find(digest))
    if (auto found = fitting([&](const Descriptor& image) { return image.digest == *pinned; }); found != end)
      return *found;
  auto named = fitting([&](const Descriptor& image) { return annotation(image, kRefNameAnnotation) == reference; });
  if (named == end)
    named = fitting([&](const Descriptor& image) {
      return annotation(image, kRefNameAnnotation).ends_with(":" + std::string(reference)) ||
             annotation(image, "io.containerd.image.name") == reference;
    });
  if (named == end) throw_no_image(images, reference, what);
  return *named;
}

bool LayoutWriter::has_named(const Descriptor& image, Activity*, const std::stop_token&) {
  bool named = std::ranges::any_of(folder_.images(), [&](const Descriptor& entry) {
    return entry.digest == image.digest && (annotations_.empty() || entry.annotations == annotations_);
  });
  if (!named) return false;
  auto read = [&](const Descriptor& blob) -> std::optional<std::string> {
    if (!folder_.find_size(blob.digest)) return std::nullopt;
    try {
      return read_all(*folder_.open_blob(blob.digest), kMaxManifestBytes, blob.digest.str());
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::corrupt) folder_.remove_blob(blob.digest);  // it is about to come anew
      throw;
    }
  };
  return has_all(image, read, [&](const Digest& digest) { return folder_.find_size(digest).has_value(); });
}

BlobSent LayoutWriter::take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                                 const std::stop_token& stop) {
  if (folder_.find_size(blob.digest) == blob.size_bytes) return BlobSent::present;
  from.fetch_blob(blob, folder_, activity, stop);
  return BlobSent::uploaded;
}

void LayoutWriter::put_manifest(const FetchedManifest& manifest, Activity*, const std::stop_token&) {
  land_manifest(folder_, manifest);
}

void LayoutWriter::put_referrer(const FetchedManifest& manifest, Activity*, const std::stop_token&) {
  land_manifest(folder_, manifest);
  referrers_.push_back(manifest.descriptor);
}

void LayoutWriter::finish(const FetchedManifest& image, Activity*, const std::stop_token&) {
  land_manifest(folder_, image);
  folder_.change_images([&](std::vector<Descriptor>& entries) {
    auto has = [&](const Digest& digest) {
      return std::ranges::any_of(entries, [&](const Descriptor& entry) { return entry.digest == digest; });
    };
    for (const Descriptor& referrer : referrers_)
      if (!has(referrer.digest)) entries.push_back(referrer);
    if (annotations_.empty() && has(image.descriptor.digest)) return;
    std::erase_if(entries, [&](const Descriptor& entry) {
      return same_name(entry, annotations_) || (entry.digest == image.descriptor.digest && is_nameless(entry));
    });
    Descriptor named = image.descriptor;
    named.annotations = annotations_;
    entries.push_back(std::move(named));
  });
  folder_.tidy();
}

}  // namespace imgb
