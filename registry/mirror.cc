#include "registry/mirror.h"

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"
#include "core/store/copy_image.h"
#include "core/store/layout_folder.h"

namespace imgb {
namespace {

constexpr unsigned kReadersAtOnce = 2;

std::string annotation_of(const Descriptor& entry, const char* name) {
  auto at = entry.annotations.find(name);
  return at == entry.annotations.end() ? "" : at->second;
}

/// Finds what one entry needs.
class Walk {
 public:
  Walk(const LayoutSource& mirror, MirroredImage& image) : mirror_(mirror), image_(image) {}

  void run() { visit(image_.image, kMaxIndexDepth); }

 private:
  void visit(const Descriptor& manifest, int depth) {
    if (!need(manifest)) return;
    try {
      auto content = parse_manifest(read_blob_text(manifest), manifest.media_type);
      if (const auto* index = std::get_if<Index>(&content))
        visit_children(*index, depth);
      else
        need_contents(std::get<Manifest>(content));
      if (manifest.digest == image_.image.digest)
        std::visit([&](const auto& value) { note_subject(value.subject); }, content);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::unsupported && e.kind() != ErrorKind::not_found)
        throw;
      image_.problems.push_back(fmt::format("{}: {}", manifest.digest.str(), e.what()));
    }
  }

  void visit_children(const Index& index, int depth) {
    if (depth == 0) throw_error(ErrorKind::unsupported, "indexes nested deeper than {}", kMaxIndexDepth);
    const std::set<Digest> chosen = children_for(index, image_.platforms);
    for (const Descriptor& child : index.manifests) {
      if (!chosen.contains(child.digest)) continue;
      if (!media_type::is_manifest(child.media_type) && !media_type::is_index(child.media_type))
        need(child);
      else
        visit(child, depth - 1);
    }
  }

  void need_contents(const Manifest& manifest) {
    need(manifest.config);
    for (const Descriptor& layer : manifest.layers)
      if (may_be_distributed(layer)) need(layer);
  }

  void note_subject(const std::optional<Descriptor>& subject) {
    if (subject) image_.subject = subject->digest;
  }

  /// False: it is missing, or was visited before.
  bool need(const Descriptor& blob) {
    if (!image_.blobs.try_emplace(blob.digest, blob.size_bytes).second) return false;
    auto size = mirror_.find_size(blob.digest);
    if (!size)
      image_.problems.push_back(fmt::format("blob {} is missing", blob.digest.str()));
    else if (*size != blob.size_bytes)
      image_.problems.push_back(
          fmt::format("blob {} has {} bytes, {} are expected", blob.digest.str(), *size, blob.size_bytes));
    return size == blob.size_bytes;
  }

  std::string read_blob_text(const Descriptor& manifest) const {
    if (manifest.size_bytes > kMaxManifestBytes)
      throw_error(ErrorKind::corrupt, "a manifest of {} bytes", manifest.size_bytes);
    return read_all(*mirror_.open_blob(manifest.digest), kMaxManifestBytes, manifest.digest.str());
  }

  const LayoutSource& mirror_;
  MirroredImage& image_;
};

/// What is wrong with the bytes; nullopt: nothing.
std::optional<std::string> find_damage(const LayoutSource& mirror, const Digest& digest,
                                       const std::function<void(std::uint64_t)>& on_bytes,
                                       const std::stop_token& stop) {
  try {
    auto source = mirror.open_blob(digest);
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
    while (std::size_t got = source->read({buffer.get(), kStreamBufferBytes})) {
      throw_if_stopped(stop);
      on_bytes(got);
    }
    return std::nullopt;
  } catch (const SystemError& e) {
    if (e.errno_value() != EIO) throw;  // a bad sector
    return e.what();
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::not_found) throw;
    return e.what();
  }
}

/// Each bad blob is told once, with the first image that needs it; the others say that they need it.
void add_problems(MirrorReport& report, const std::vector<MirroredImage>& images,
                  const std::map<Digest, std::string>& damaged) {
  for (const MirroredImage& image : images) {
    for (const std::string& problem : image.problems) report.problems.push_back(image.label() + ": " + problem);
    for (const auto& [digest, problem] : damaged)
      if (image.blobs.contains(digest))
        report.problems.push_back(fmt::format("{}: blob {}: {}", image.label(), digest.str(), problem));
  }
}

}  // namespace

void sort_entries(std::vector<Descriptor>& entries) {
  std::ranges::sort(entries, {}, [](const Descriptor& entry) {
    return std::pair(annotation_of(entry, kRefNameAnnotation), entry.digest);
  });
}

MirroredImage entry_of(const Descriptor& listed) {
  MirroredImage image{.name = annotation_of(listed, kRefNameAnnotation),
                      .image = listed,
                      .referrers = annotation_of(listed, kMirrorReferrers) == "true"};
  const std::string platforms = annotation_of(listed, kMirrorPlatforms);
  if (!platforms.empty())
    for (std::string_view platform : split(platforms, ',')) image.platforms.push_back(Platform::parse(platform));
  return image;
}

std::uint64_t MirroredImage::size_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [digest, size] : blobs) sum += size;
  return sum;
}

std::string MirroredImage::label() const { return name.empty() ? image.digest.str() : printable(name, 512); }

std::vector<MirroredImage> read_mirror(const LayoutSource& mirror) {
  std::vector<MirroredImage> images;
  for (const Descriptor& listed : mirror.images()) {
    MirroredImage image = entry_of(listed);
    Walk(mirror, image).run();
    images.push_back(std::move(image));
  }
  std::ranges::stable_sort(images, {}, &MirroredImage::name);
  return images;
}

std::map<Digest, std::uint64_t> blobs_of(const std::vector<MirroredImage>& images) {
  std::map<Digest, std::uint64_t> all;
  for (const MirroredImage& image : images) all.insert(image.blobs.begin(), image.blobs.end());
  return all;
}

std::set<Digest> find_widowed(const std::vector<MirroredImage>& images) {
  std::set<Digest> needed, widowed;
  for (const MirroredImage& image : images) {
    if (image.subject && image.name.empty())
      widowed.insert(image.image.digest);
    else
      for (const auto& [digest, size] : image.blobs) needed.insert(digest);
  }
  // What refers to what refers to an image stays as well, in whatever order they are listed.
  for (bool found = true; found;) {
    found = false;
    for (const MirroredImage& image : images) {
      if (!widowed.contains(image.image.digest) || !needed.contains(*image.subject)) continue;
      for (const auto& [digest, size] : image.blobs) needed.insert(digest);
      widowed.erase(image.image.digest);
      found = true;
    }
  }
  return widowed;
}

MirrorReport verify_mirror(const LayoutSource& mirror, const std::function<void(std::uint64_t)>& on_progress,
                           const std::stop_token& stop) {
  std::vector<MirroredImage> images = read_mirror(mirror);
  MirrorReport report;
  Guarded<std::map<Digest, std::string>> damaged;
  std::atomic<std::uint64_t> done = 0;
  TaskGroup tasks(kReadersAtOnce, stop);
  for (const auto& [digest, size] : blobs_of(images)) {
    if (mirror.find_size(digest) != size) continue;  // told already
    ++report.blobs;
    report.size_bytes += size;
    tasks.add([&, digest = digest, stopping = tasks.stop()] {
      auto problem = find_damage(
          mirror, digest, [&](std::uint64_t bytes) { on_progress(done += bytes); }, stopping);
      if (problem) damaged.with([&](auto& all) { all.emplace(digest, *problem); });
    });
  }
  tasks.join();
  damaged.with([&](const auto& bad) { add_problems(report, images, bad); });
  return report;
}

std::uint64_t MirrorDiff::new_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [digest, size] : new_blobs) sum += size;
  return sum;
}

MirrorDiff diff_mirrors(const std::vector<MirroredImage>& before, const std::vector<MirroredImage>& after) {
  MirrorDiff diff;
  std::map<std::string, MirrorDiff::Change> changes;
  auto note = [&](const std::vector<MirroredImage>& images, std::optional<Digest> MirrorDiff::Change::*side) {
    for (const MirroredImage& image : images) {
      MirrorDiff::Change& change = changes[image.label()];
      change.name = image.label();
      change.*side = image.image.digest;
    }
  };
  note(before, &MirrorDiff::Change::before);
  note(after, &MirrorDiff::Change::after);
  for (auto& [name, change] : changes)
    if (change.before != change.after) diff.changes.push_back(std::move(change));
  diff.new_blobs = blobs_of(after);
  for (const auto& [digest, size] : blobs_of(before)) diff.new_blobs.erase(digest);
  return diff;
}

}  // namespace imgb
