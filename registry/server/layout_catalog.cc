#include "registry/server/layout_catalog.h"

#include <fcntl.h>

#include <cctype>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "core/store/layout.h"

namespace imgb::server {
namespace {

/// Steps of the clock by which file systems stamp files are shorter.
constexpr Nanoseconds kClockStep = 50'000'000;

}  // namespace

std::shared_ptr<const Index> WatchedIndex::get(const File& file) {
  auto known = [&](const Read& read) {
    return read.index && read.settled && read.identity == file.identity ? read.index : nullptr;
  };
  if (auto index = read_.with(known)) return index;
  std::lock_guard one_reader(reading_);
  if (auto index = read_.with(known)) return index;
  bool settled = now() - std::max(file.identity.mtime, file.identity.ctime) > kClockStep;
  auto index = std::make_shared<const Index>(parse_layout_index(file.text()));
  read_.with([&](Read& read) { read = {file.identity, settled, index}; });
  return index;
}

LayoutCatalog::LayoutCatalog(Dir root, std::string own_name) : root_(std::move(root)), own_name_(std::move(own_name)) {
  if (!root_.find_stat(layout::kIndex) || !root_.find_stat(layout::kMarker))
    throw Error(ErrorKind::input, fmt::format("{} is no OCI image layout: {} is missing", root_.name(),
                                              root_.find_stat(layout::kMarker) ? layout::kIndex : layout::kMarker))
        .set_hint("give a store of imgb, a folder made by `skopeo copy ... oci:FOLDER`, or a mirror");
}

std::optional<BlobFile> LayoutCatalog::find_blob(const Digest& digest) const {
  // Not to wait for whoever writes to a fifo.
  auto file = root_.find_file(layout::blob(digest), O_RDONLY | O_NONBLOCK);
  if (!file) return std::nullopt;
  FileStat stat = stat_of(*file, digest.str());
  if (stat.type != FileType::regular) return std::nullopt;
  return BlobFile{std::make_shared<const Fd>(*std::move(file)), 0, stat.size_bytes, identity_of(stat)};
}

std::shared_ptr<const Index> LayoutCatalog::index() const {
  return in_context([&] { return fmt::format("{}/{}", root_.name(), layout::kIndex); },
                    [&] {
                      return watched_.get({identity_of(root_.stat(layout::kIndex)),
                                           [&] { return root_.read_file(layout::kIndex, kMaxLayoutIndexBytes); }});
                    });
}

std::string repository_name_for(const std::filesystem::path& path) {
  std::string stem = std::filesystem::absolute(path).lexically_normal().filename().string();
  if (stem.empty()) stem = std::filesystem::absolute(path).lexically_normal().parent_path().filename().string();
  if (stem.ends_with(".tar")) stem.resize(stem.size() - 4);
  std::string name;
  for (char c : stem) {
    if (std::isalnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80)
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (name.ends_with('-')) name.pop_back();
  return name.empty() ? "image" : name;
}

}  // namespace imgb::server
