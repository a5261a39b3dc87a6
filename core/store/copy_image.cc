#include "core/store/copy_image.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/base/text.h"
#include "core/oci/image_config.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxManifests = 10'000, kMaxReferrers = 1'000;
constexpr std::uint64_t kMaxTextBytes = 256ull << 20;  // of all manifests together, which are kept in memory
constexpr const char* kAboutDigest = "vnd.docker.reference.digest";

/// One place and how it is asked.
struct Asked {
  ImageReader& place;
  Activity* activity;
  const std::stop_token& stop;
  FetchedManifest get(const Descriptor& manifest) const { return place.get_manifest(manifest, activity, stop); }
};

/// All that goes, each once.
class Cargo {
 public:
  explicit Cargo(const Asked& from) : from_(from) {}

  std::vector<Descriptor> blobs;
  std::vector<FetchedManifest> manifests;  ///< What one refers to comes before it; the image itself last.
  std::vector<FetchedManifest> referrers;  ///< The same.

  /// `only`: the entries of an index that come along; null for all.
  void add_image(FetchedManifest image, const std::set<Digest>* only) {
    add(std::move(image), kMaxIndexDepth, manifests, only);
  }

  /// What refers to the manifests, and to that in turn.
  void add_referrers() {
    std::vector<Digest> subjects;
    for (const FetchedManifest& manifest : manifests) subjects.push_back(manifest.descriptor.digest);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      for (const Descriptor& referrer : from_.place.list_referrers(subjects[i], from_.activity, from_.stop)) {
        if (seen_.contains(referrer.digest)) continue;
        if (referrers.size() >= kMaxReferrers)
          throw_error(ErrorKind::unsupported, "{} has more than {} referrers", from_.place.name(), kMaxReferrers);
        subjects.push_back(referrer.digest);
        add(from_.get(referrer), kMaxIndexDepth, referrers);
      }
    }
  }

 private:
  void add(FetchedManifest manifest, int depth, std::vector<FetchedManifest>& into,
           const std::set<Digest>* only = nullptr) {
    throw_if_stopped(from_.stop);
    if (!seen_.insert(manifest.descriptor.digest).second) return;
    text_bytes_ += manifest.bytes.size();
    if (seen_.size() > kMaxManifests || text_bytes_ > kMaxTextBytes)
      throw_error(ErrorKind::unsupported, "{} has more than {} manifests, or too large ones", from_.place.name(),
                  kMaxManifests);
    if (const auto* index = std::get_if<Index>(&manifest.content)) {
      if (depth == 0) throw_error(ErrorKind::unsupported, "indexes nested deeper than {}", kMaxIndexDepth);
      for (const Descriptor& child : index->manifests)
        if (only == nullptr || only->contains(child.digest)) add_child(child, depth - 1, into);
    } else {
      const Manifest& image = std::get<Manifest>(manifest.content);
      add_blob(image.config);
      for (const Descriptor& layer : image.layers) add_blob(layer);
    }
    into.push_back(std::move(manifest));
  }

  void add_child(const Descriptor& child, int depth, std::vector<FetchedManifest>& into) {
    if (!media_type::is_manifest(child.media_type) && !media_type::is_index(child.media_type))
      throw_error(ErrorKind::unsupported, "{} is of type {:?}, not an image", child.digest.str(),
                  printable(child.media_type, 128));
    if (!seen_.contains(child.digest)) add(from_.get(child), depth, into);
  }

  void add_blob(const Descriptor& blob) {
    if (!may_be_distributed(blob) || !seen_blobs_.insert(blob.digest).second) return;
    from_.place.expect_blob(blob);
    blobs.push_back(blob);
  }

  const Asked& from_;
  std::set<Digest> seen_, seen_blobs_;
  std::uint64_t text_bytes_ = 0;
};

/// What is no index is what it is: wanted is then that it runs there.
void check_platform(const Asked& from, const Manifest& image, const Platform& want) {
  if (image.config.size_bytes > kMaxManifestBytes)
    throw_error(ErrorKind::corrupt, "config {} is {} bytes long", image.config.digest.str(), image.config.size_bytes);
  auto bytes = from.place.open_blob(image.config, 0, from.activity, from.stop);
  Platform is = parse_image_config(read_all(*bytes, kMaxManifestBytes, image.config.digest.str())).platform;
  if (!match_rank(want, is))
    throw_error(ErrorKind::not_found, "{} is for {} only, not for {}", from.place.name(), is.str(), want.str());
}

bool is_about(const Descriptor& entry, const std::set<Digest>& images) {
  auto about = entry.annotations.find(kAboutDigest);
  auto digest = about == entry.annotations.end() ? std::nullopt : Digest::find(about->second);
  return digest && images.contains(*digest);
}

std::set<Digest> best_for(const Index& index, const std::vector<Platform>& platforms) {
  std::set<Digest> best;
  for (const Platform& want : platforms) best.insert(choose_platform(index, want).digest);
  return best;
}

/// The index without the entries that no platform asks for.
FetchedManifest cut_down(const FetchedManifest& whole, const std::set<Digest>& kept) {
  Index index = std::get<Index>(whole.content);
  std::erase_if(index.manifests, [&](const Descriptor& entry) { return !kept.contains(entry.digest); });
  if (index.manifests.size() == std::get<Index>(whole.content).manifests.size()) return whole;
  std::string bytes = render(index);
  Descriptor descriptor{index.media_type, Digest::of(bytes), bytes.size(), {}, {}, {}};
  return {std::move(descriptor), std::move(bytes), std::move(index)};
}

struct Choice {
  FetchedManifest image;
  bool is_new_index = false;
  std::optional<std::set<Digest>> children = {};  ///< Of an index; nullopt: all.
};

Choice choose_of_index(const Asked& from, FetchedManifest named, const CopyOptions& options) {
  const Index& index = std::get<Index>(named.content);
  if (options.keep_index) {
    auto children = children_for(index, options.platforms);
    return {std::move(named), false, std::move(children)};
  }
  if (best_for(index, options.platforms).size() == 1) return {from.get(choose_platform(index, options.platforms[0]))};
  FetchedManifest cut = cut_down(named, children_for(index, options.platforms));
  bool is_new = cut.descriptor.digest != named.descriptor.digest;
  return {std::move(cut), is_new};
}

/// What of the named image is wanted.
Choice choose(const Asked& from, const CopyOptions& options) {
  FetchedManifest named = from.place.get_named(from.activity, from.stop);
  if (options.platforms.empty()) return {std::move(named)};
  if (const auto* image = std::get_if<Manifest>(&named.content)) {
    for (const Platform& want : options.platforms) check_platform(from, *image, want);
    return {std::move(named)};
  }
  return in_context([&] { return from.place.name(); },
                    [&] { return choose_of_index(from, std::move(named), options); });
}

void move_blobs(std::vector<Descriptor> blobs, const Asked& from, ImageWriter& to, CopyResult& result) {
  // The largest first, so that none of them is left to move alone at the end.
  if (to.transfers_at_once() > 1) std::ranges::stable_sort(blobs, std::ranges::greater{}, &Descriptor::size_bytes);
  Guarded<CopyResult*> counts(&result);
  TaskGroup tasks(to.transfers_at_once(), from.stop);
  for (const Descriptor& blob : blobs) {
    tasks.add([&, stopping = tasks.stop()] {
      BlobSent how = to.take_blob(blob, from.place, from.activity, stopping);
      counts.with([&](CopyResult* all) {
        ++(how == BlobSent::present ? all->present : how == BlobSent::mounted ? all->mounted : all->moved);
        if (how == BlobSent::uploaded) all->moved_bytes += blob.size_bytes;
      });
    });
  }
  tasks.join();
}

}  // namespace

bool may_be_distributed(const Descriptor& blob) {
  return blob.media_type.find(".nondistributable.") == std::string::npos &&
         blob.media_type.find(".foreign.") == std::string::npos;
}

std::set<Digest> children_for(const Index& index, const std::vector<Platform>& platforms) {
  const std::set<Digest> best = best_for(index, platforms);
  std::set<Digest> children;
  for (const Descriptor& entry : index.manifests)
    if (platforms.empty() || best.contains(entry.digest) || is_about(entry, best)) children.insert(entry.digest);
  return children;
}

CopyResult copy_image(ImageReader& place, ImageWriter& to, const CopyOptions& options, Activity* activity,
                      const std::stop_token& stop) {
  Asked from{place, activity, stop};
  Choice chosen = choose(from, options);
  CopyResult result{.image = chosen.image.descriptor, .is_new_index = chosen.is_new_index};
  if (!options.referrers && to.has_named(result.image, activity, stop)) return result;
  Cargo cargo(from);
  cargo.add_image(std::move(chosen.image), chosen.children ? &*chosen.children : nullptr);
  if (options.referrers) cargo.add_referrers();
  move_blobs(cargo.blobs, from, to, result);
  for (std::size_t i = 0; i + 1 < cargo.manifests.size(); ++i) to.put_manifest(cargo.manifests[i], activity, stop);
  for (const FetchedManifest& referrer : cargo.referrers) to.put_referrer(referrer, activity, stop);
  result.referrers = cargo.referrers.size();
  to.finish(cargo.manifests.back(), activity, stop);
  return result;
}

}  // namespace imgb
