#include "core/store/fsck.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"
#include "core/store/file_blob_store.h"
#include "core/store/gc.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

using Kind = Finding::Kind;

class Checker {
 public:
  Checker(Store& store, const FsckOptions& options) : store_(store), options_(options) {}

  FsckReport run() {
    check_layout();
    check_blobs();
    check_index();
    check_leftovers();
    std::stable_sort(report_.findings.begin(), report_.findings.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.kind, a.what) < std::tie(b.kind, b.what);
    });
    return std::move(report_);
  }

 private:
  Finding& add(Kind kind, std::string what, std::string detail) {
    return report_.findings.emplace_back(Finding{kind, std::move(what), std::move(detail), std::nullopt, false});
  }

  void check_layout() {
    auto marker = store_.root().find_content(layout::kMarker, 4096);
    if (marker && trim(*marker) == layout::kMarkerContent) return;
    Finding& found = add(Kind::bad_layout, std::string(layout::kMarker), marker ? "has other content" : "is missing");
    if (!options_.repair) return;
    store_.root().replace_file(layout::kMarker, layout::kMarkerContent, 0644);
    found.repaired = true;
  }

  /// Hashes every blob, `jobs` at a time.
  void check_blobs() {
    std::mutex mutex;
    TaskGroup group(options_.jobs, options_.stop);
    for (const Digest& digest : store_.blobs().list()) {
      group.add([&, digest] {
        auto file = store_.root().find_file(layout::blob(digest), O_RDONLY);
        if (!file) return;  // a collector was faster
        auto problem = find_problem(digest, *file, group.stop());
        std::lock_guard hold(mutex);
        ++report_.blobs;
        report_.size_bytes += stat_of(*file, digest.str()).size_bytes;
        if (problem) note_damage(digest, *problem, *file);
        if (options_.on_progress) options_.on_progress(report_.blobs, report_.size_bytes);
      });
    }
    group.join();
    for (DigestAlgorithm algorithm : {DigestAlgorithm::sha256, DigestAlgorithm::sha512}) check_names(algorithm);
  }

  static std::optional<std::string> find_problem(const Digest& digest, const Fd& file, const std::stop_token& stop) {
    try {
      std::uint64_t size = stat_of(file, digest.str()).size_bytes;
      VerifyingSource source(std::make_unique<FdSource>(file.duplicate(), digest.str()), digest, size);
      auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
      while (source.read({buffer.get(), kStreamBufferBytes})) throw_if_stopped(stop);
      return std::nullopt;
    } catch (const SystemError& e) {
      if (e.errno_value() != EIO) throw;  // a bad sector
      return e.what();
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt) throw;
      return e.what();
    }
  }

  void note_damage(const Digest& digest, const std::string& problem, const Fd& file) {
    damaged_.insert(digest);
    Finding& found = add(Kind::damaged_blob, digest.str(), problem);
    if (!options_.repair) return;
    quarantine(store_.root(), digest, file);
    found.repaired = true;
  }

  void check_names(DigestAlgorithm algorithm) {
    std::string folder = layout::blob_folder(algorithm);
    auto dir = store_.root().find_dir(folder);
    if (!dir) return;
    for (const Dir::Entry& entry : dir->list())
      if (entry.type != FileType::regular || !layout::find_blob(algorithm, entry.name))
        add(Kind::foreign_file, folder + "/" + printable(entry.name, 200), "is no blob");
  }

  void check_index() {
    std::vector<NamedImage> images;
    try {
      images = store_.images().list();
    } catch (const Error& e) {
      Finding& found = add(Kind::bad_index, std::string(layout::kIndex), e.what());
      if (!options_.repair) return;
      rebuild_index();
      found.repaired = true;
      images = store_.images().list();
    }
    std::set<Digest> checked;
    for (const NamedImage& image : images)
      if (checked.insert(image.descriptor.digest).second) check_image(image);
  }

  void check_image(const NamedImage& image) {
    std::string name = image.name.empty() ? image.descriptor.digest.str() : image.name;
    auto blame = [&](Kind kind, std::string detail) {
      if (!is_listed(image)) return;  // its blobs go because somebody removed it meanwhile
      Finding& found = add(kind, name, std::move(detail));
      found.image = image.descriptor.digest;
      if (!options_.repair || kind != Kind::bad_image) return;
      store_.images().remove_image(image.descriptor.digest);
      found.repaired = true;
    };
    if (damaged_.contains(image.descriptor.digest)) return blame(Kind::bad_image, "its manifest is damaged");
    try {
      std::set<Digest> needed = reachable({&image.descriptor, 1}, manifests_of(store_.blobs()));
      for (const Digest& digest : needed)
        if (damaged_.contains(digest)) return blame(Kind::bad_image, "needs the damaged " + digest.str());
      if (!store_.blobs().peek_size(image.descriptor.digest)) return blame(Kind::bad_image, "its manifest is missing");
      std::set<Digest> seen;
      if (auto problem = find_gap(image.descriptor, seen)) blame(Kind::incomplete_image, *problem);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::not_found) throw;
      blame(e.kind() == ErrorKind::corrupt ? Kind::bad_image : Kind::incomplete_image, e.what());
    }
  }

  bool is_listed(const NamedImage& image) const {
    std::vector<NamedImage> now = store_.images().list();
    return std::any_of(now.begin(), now.end(), [&](const NamedImage& one) {
      return one.name == image.name && one.descriptor.digest == image.descriptor.digest;
    });
  }

  /// Error(corrupt) when a size is not what the descriptor says; otherwise the first thing that is missing. An index
  /// need not have all its children: those of other platforms are not pulled. What was `seen` is not looked into again.
  std::optional<std::string> find_gap(const Descriptor& image, std::set<Digest>& seen) const {
    auto size = store_.blobs().peek_size(image.digest);
    if (!size) return "no blob " + image.digest.str();
    want_size(image, *size);
    if (!seen.insert(image.digest).second) return std::nullopt;
    if (!media_type::is_manifest(image.media_type) && !media_type::is_index(image.media_type)) return std::nullopt;
    auto parsed = parse_manifest(peek_blob(store_.blobs(), image, kMaxManifestBytes), image.media_type);
    std::optional<std::string> gap;
    if (const auto* index = std::get_if<Index>(&parsed)) {
      bool any = index->manifests.empty();
      for (const Descriptor& child : index->manifests) {
        if (!store_.blobs().peek_size(child.digest)) continue;
        any = true;
        if (auto below = find_gap(child, seen); below && !gap) gap = below;
      }
      return any ? gap : "none of its platforms is here";
    }
    auto& manifest = std::get<Manifest>(parsed);
    manifest.layers.push_back(manifest.config);
    for (const Descriptor& blob : manifest.layers) {
      auto there = store_.blobs().peek_size(blob.digest);
      if (there) want_size(blob, *there);
      if (!there && !gap) gap = "no blob " + blob.digest.str();
    }
    return gap;
  }

  static void want_size(const Descriptor& blob, std::uint64_t size) {
    if (blob.size_bytes != size)
      throw_error(ErrorKind::corrupt, "{} has {} bytes, its descriptor says {}", blob.digest.str(), size,
                  blob.size_bytes);
  }

  /// Keeps every manifest and index that no other one names, with what can be read of the names.
  void rebuild_index() {
    std::vector<Descriptor> found;
    std::set<Digest> children;
    for (const Digest& digest : store_.blobs().list()) {
      auto image = find_manifest(digest, children);
      if (image) found.push_back(std::move(*image));
    }
    std::erase_if(found, [&](const Descriptor& image) { return children.contains(image.digest); });
    store_.images().rebuild(found);
  }

  std::optional<Descriptor> find_manifest(const Digest& digest, std::set<Digest>& children) const {
    std::uint64_t size = store_.blobs().peek_size(digest).value_or(0);
    std::byte first{};
    if (size == 0 || size > kMaxManifestBytes ||
        read_at(store_.blobs().open_file(digest), {&first, 1}, 0, "blob") != 1 || first != std::byte{'{'})
      return std::nullopt;
    try {
      Descriptor image{.digest = digest, .size_bytes = size};
      auto parsed = parse_manifest(peek_blob(store_.blobs(), image, kMaxManifestBytes), "");
      if (const auto* index = std::get_if<Index>(&parsed))
        for (const Descriptor& child : index->manifests) children.insert(child.digest);
      image.media_type = std::visit([](const auto& one) { return one.media_type; }, parsed);
      return image;
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt) throw;
      return std::nullopt;  // a config, or a layer that begins like one
    }
  }

  void check_leftovers() {
    auto ingest = store_.root().find_dir(layout::kIngest);
    if (!ingest) return;
    for (const Dir::Entry& entry : ingest->list()) {
      auto file = entry.type == FileType::regular ? ingest->find_file(entry.name, O_RDONLY) : std::nullopt;
      if (!file || !try_lock(*file)) continue;
      std::uint64_t size = stat_of(*file, entry.name).size_bytes;
      Finding& found = add(Kind::leftover, "ingest/" + printable(entry.name, 200), fmt::format("{} bytes", size));
      if (!options_.repair) continue;
      ingest->remove(entry.name);
      found.repaired = true;
    }
  }

  Store& store_;
  const FsckOptions& options_;
  FsckReport report_;
  std::set<Digest> damaged_;
};

}  // namespace

bool Finding::is_damage() const {
  return kind == Kind::bad_layout || kind == Kind::bad_index || kind == Kind::damaged_blob || kind == Kind::bad_image;
}

std::string_view name_of(Finding::Kind kind) {
  switch (kind) {
    case Kind::bad_layout:
      return "bad layout";
    case Kind::bad_index:
      return "bad index";
    case Kind::damaged_blob:
      return "damaged blob";
    case Kind::bad_image:
      return "bad image";
    case Kind::incomplete_image:
      return "incomplete image";
    case Kind::foreign_file:
      return "foreign file";
    case Kind::leftover:
      return "leftover";
  }
  return "unknown";
}

bool FsckReport::is_clean() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& found) { return found.is_damage() && !found.repaired; });
}

FsckReport fsck(Store& store, const FsckOptions& options) { return Checker(store, options).run(); }

}  // namespace imgb
