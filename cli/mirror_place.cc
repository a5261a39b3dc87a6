#include "cli/mirror_place.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "builder/tar_sink.h"
#include "cli/files.h"
#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/json.h"
#include "core/oci/manifest.h"
#include "core/store/layout.h"
#include "core/store/layout_archive.h"
#include "core/store/layout_folder.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxInventoryBytes = 256 * 1024 * 1024;

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

/// One JSON object a line, as `ls --format json` prints them.
std::set<Digest> parse_inventory(const std::string& path) {
  std::set<Digest> digests;
  std::size_t number = 0;
  const std::string text = read_user_file(path, kMaxInventoryBytes);
  for (std::string_view line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string where = fmt::format("{}: line {}", path, number);
    try {
      const nlohmann::json image = parse_json(line, line.size(), where);
      for (const auto& blob : image.at("Blobs")) digests.insert(Digest::parse(blob.get<std::string>()));
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorKind::input, where + " is no inventory of a mirror")
          .set_hint("make one with `imgb mirror ls --format json`");
    }
  }
  return digests;
}

void expect_whole(const LayoutSource& mirror, const std::vector<MirroredImage>& images) {
  for (const MirroredImage& image : images)
    if (!image.problems.empty())
      throw Error(ErrorKind::corrupt, fmt::format("{}: {}: {}", mirror.name(), image.label(), image.problems[0]))
          .set_hint("`imgb mirror update` brings what is missing");
}

}  // namespace

bool is_archive_name(const std::string& path) { return path.ends_with(".tar"); }

std::unique_ptr<LayoutSource> open_mirror(const std::string& path) {
  if (is_folder(path)) return std::make_unique<LayoutFolder>(LayoutFolder::open(path));
  return std::make_unique<LayoutArchive>(path);
}

std::set<Digest> read_inventory(const std::string& path) {
  if (!is_folder(path) && !is_archive_name(path)) return parse_inventory(path);
  std::set<Digest> digests;
  for (const auto& [digest, size] : blobs_of(read_mirror(*open_mirror(path)))) digests.insert(digest);
  return digests;
}

void write_mirror_archive(const LayoutSource& mirror, const std::set<Digest>& there, Sink& into, Activity* activity,
                          const std::stop_token& stop) {
  std::vector<MirroredImage> images = read_mirror(mirror);
  expect_whole(mirror, images);
  auto blobs = blobs_of(images);
  std::erase_if(blobs, [&](const auto& blob) { return there.contains(blob.first); });
  std::uint64_t total = 0, done = 0;
  for (const auto& [digest, size] : blobs) total += size;
  std::vector<Descriptor> entries = mirror.images();
  sort_entries(entries);
  // What is read first comes first: who has a stream alone knows what comes.
  TarSink tar(into);
  tar.add_file(layout::kMarker, layout::kMarkerContent);
  tar.add_file(layout::kIndex,
               render(Index{.media_type = std::string(media_type::kOciIndex), .manifests = std::move(entries)}));
  tar.add_folder(layout::kBlobs);
  std::set<std::string> folders;
  for (const auto& [digest, size] : blobs) {
    throw_if_stopped(stop);
    if (std::string folder = layout::blob_folder(digest.algorithm()); folders.insert(folder).second)
      tar.add_folder(folder);
    tar.add_file(layout::blob(digest), *mirror.open_blob(digest), size);
    done += size;
    if (activity != nullptr) activity->bytes("blobs", done, total);
  }
  tar.finish();
}

}  // namespace imgb
