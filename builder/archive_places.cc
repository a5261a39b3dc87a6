#include "builder/archive_places.h"

#include <nlohmann/json.hpp>

#include "builder/docker_archive.h"
#include "core/base/error.h"
#include "core/base/report_pace.h"
#include "core/base/task.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

/// Tells how much of a blob has been read, and ends when it is to.
class WatchedSource : public Source {
 public:
  WatchedSource(std::unique_ptr<Source> from, const Descriptor& blob, Activity* activity, const std::stop_token& stop)
      : from_(std::move(from)), blob_(blob), activity_(activity), stop_(stop) {}
  std::size_t read(std::span<std::byte> into) override {
    throw_if_stopped(stop_);
    std::size_t got = from_->read(into);
    done_ += got;
    if (activity_ && (got == 0 || pace_.is_due())) activity_->bytes(blob_.digest.short_hex(), done_, blob_.size_bytes);
    return got;
  }

 private:
  std::unique_ptr<Source> from_;
  const Descriptor& blob_;
  Activity* activity_;
  const std::stop_token& stop_;
  std::uint64_t done_ = 0;
  ReportPace pace_;
};

}  // namespace

std::optional<std::vector<Descriptor>> find_archive_images(ArchiveFiles& files) {
  auto text = files.find_text(layout::kIndex, kMaxManifestBytes);
  if (!text) return std::nullopt;
  auto parsed = parse_manifest(*text, media_type::kOciIndex);
  auto* index = std::get_if<Index>(&parsed);
  if (!index) throw_error(ErrorKind::corrupt, "index.json is no index");
  return std::move(index->manifests);
}

std::unique_ptr<Source> ArchiveReader::open(const Digest& digest) const {
  std::string path = layout::blob(digest);
  auto size = files_.find_size(path);
  if (!size) throw_error(ErrorKind::not_found, "no blob {} in {}", digest.str(), name());
  return std::make_unique<VerifyingSource>(files_.open(path), digest, *size);
}

std::optional<std::uint64_t> ArchiveReader::find_size(const Digest& digest) const {
  return files_.find_size(layout::blob(digest));
}

void ArchiveWriter::begin_file(const std::string& path) {
  if (folders_.empty()) tar_.add_folder(layout::kBlobs);
  std::string folder = path.substr(0, path.rfind('/'));
  if (folders_.insert(folder).second) tar_.add_folder(folder);
}

BlobSent ArchiveWriter::take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                                  const std::stop_token& stop) {
  std::string path = layout::blob(blob.digest);
  begin_file(path);
  WatchedSource bytes(from.open_blob(blob, 0, activity, stop), blob, activity, stop);
  tar_.add_file(path, bytes, blob.size_bytes);
  std::byte more{};
  // The source says at its end whether all was right.
  if (bytes.read({&more, 1}) > 0)
    throw_error(ErrorKind::corrupt, "{} is longer than {} bytes", blob.digest.str(), blob.size_bytes);
  return BlobSent::uploaded;
}

void ArchiveWriter::put_manifest(const FetchedManifest& manifest, Activity*, const std::stop_token&) {
  std::string path = layout::blob(manifest.descriptor.digest);
  begin_file(path);
  tar_.add_file(path, manifest.bytes);
}

void ArchiveWriter::put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) {
  put_manifest(manifest, activity, stop);
  entries_.push_back(manifest.descriptor);
}

void ArchiveWriter::finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) {
  put_manifest(image, activity, stop);
  Descriptor entry = image.descriptor;
  entry.annotations = form_.annotations;
  entries_.push_back(std::move(entry));
  tar_.add_file(layout::kIndex, render(Index{.media_type = std::string(media_type::kOciIndex), .manifests = entries_}));
  if (form_.docker) {
    const auto* manifest = std::get_if<Manifest>(&image.content);
    if (!manifest) throw_error(ErrorKind::unsupported, "a docker-archive holds images for one platform each");
    nlohmann::ordered_json list = nlohmann::ordered_json::array({docker_archive_entry(*manifest, form_.docker_names)});
    tar_.add_file("manifest.json", list.dump());
  }
  tar_.add_file(layout::kMarker, layout::kMarkerContent);
  tar_.finish();
  commit_();
}

}  // namespace imgb
