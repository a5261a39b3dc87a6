#include "registry/server/tar_catalog.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/store/layout.h"

namespace imgb::server {
namespace {

std::string read_member(const Fd& tar, const TarPlace& member, std::string_view what) {
  if (member.size_bytes > kMaxLayoutIndexBytes) throw_error(ErrorKind::corrupt, "{} is too long", what);
  std::string text(member.size_bytes, '\0');
  for (std::size_t got = 0; got < text.size();) {
    std::size_t more = read_at(tar, std::as_writable_bytes(std::span(text)).subspan(got), member.offset + got, what);
    if (more == 0) throw_error(ErrorKind::corrupt, "{} is cut short", what);
    got += more;
  }
  return text;
}

std::map<Digest, TarPlace> blobs_of(const std::map<std::string, TarPlace>& members) {
  std::map<Digest, TarPlace> blobs;
  for (DigestAlgorithm algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::sha512}) {
    std::string folder = layout::blob_folder(algorithm) + "/";
    for (auto at = members.lower_bound(folder); at != members.end() && at->first.starts_with(folder); ++at)
      if (auto digest = layout::find_blob(algorithm, std::string_view(at->first).substr(folder.size())))
        blobs.emplace(*digest, at->second);
  }
  return blobs;
}

}  // namespace

TarCatalog::TarCatalog(const std::filesystem::path& path, std::string own_name) : own_name_(std::move(own_name)) {
  auto whole = std::filesystem::canonical(path);
  folder_ = Dir::open_host(whole.parent_path());
  file_name_ = whole.filename().string();
  opened_.with([&](auto& slot) { slot = open(); });
}

std::shared_ptr<const TarCatalog::Opened> TarCatalog::open() const {
  auto tar = std::make_shared<const Fd>(folder_.open_file(file_name_, O_RDONLY));
  auto members = list_tar(*tar, file_name_);
  auto index = members.find(std::string(layout::kIndex));
  if (index == members.end() || !members.contains(std::string(layout::kMarker)))
    throw Error(ErrorKind::input, fmt::format("{} holds no OCI image layout", file_name_))
        .set_hint(
            "make one with imgb save --format oci-archive, skopeo copy ... oci-archive:FILE, or imgb mirror create");
  auto opened = std::make_shared<Opened>();
  opened->identity = identity_of(stat_of(*tar, file_name_));
  opened->blobs = blobs_of(members);
  opened->index = in_context(
      [&] { return fmt::format("{}: {}", file_name_, layout::kIndex); },
      [&] {
        return std::make_shared<const Index>(parse_layout_index(read_member(*tar, index->second, layout::kIndex)));
      });
  opened->file = std::move(tar);
  return opened;
}

std::shared_ptr<const TarCatalog::Opened> TarCatalog::opened() const {
  auto now = opened_.with([](const auto& slot) { return slot; });
  auto stat = folder_.find_stat(file_name_);
  // What was opened goes on to be served while the file is being put in place.
  if (!stat || identity_of(*stat) == now->identity) return now;
  auto next = open();
  opened_.with([&](auto& slot) { slot = next; });
  return next;
}

std::optional<BlobFile> TarCatalog::find_blob(const Digest& digest) const {
  auto tar = opened();
  auto found = tar->blobs.find(digest);
  if (found == tar->blobs.end()) return std::nullopt;
  FileIdentity identity = tar->identity;
  identity.offset = found->second.offset;
  return BlobFile{tar->file, found->second.offset, found->second.size_bytes, identity};
}

std::shared_ptr<const Index> TarCatalog::index() const { return opened()->index; }

}  // namespace imgb::server
