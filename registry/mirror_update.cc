#include "registry/mirror_update.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr std::size_t kShownProblems = 5;

std::map<std::string, std::string> annotations_of(const MirrorRequest& request) {
  std::map<std::string, std::string> annotations{{kRefNameAnnotation, request.name.canonical()}};
  std::vector<std::string> platforms;
  for (const Platform& platform : request.platforms) platforms.push_back(platform.str());
  if (!platforms.empty()) annotations.emplace(kMirrorPlatforms, join(platforms, ","));
  if (request.referrers) annotations.emplace(kMirrorReferrers, "true");
  return annotations;
}

std::string name_of(const Descriptor& entry) {
  auto at = entry.annotations.find(kRefNameAnnotation);
  return at == entry.annotations.end() ? "" : at->second;
}

[[noreturn]] void throw_incomplete(const std::vector<std::string>& problems) {
  std::vector<std::string> shown(problems.begin(),
                                 problems.begin() + static_cast<long>(std::min(problems.size(), kShownProblems)));
  if (problems.size() > kShownProblems) shown.push_back(fmt::format("and {} more", problems.size() - kShownProblems));
  throw Error(ErrorKind::not_found, "it does not make the mirror whole: " + join(shown, "; "))
      .set_hint("import the deltas that come before it, or export it with --since an older state");
}

/// `images` with the delta's entries: each takes the place of the one of its name.
std::vector<Descriptor> merged(std::vector<Descriptor> images, const std::vector<Descriptor>& delta, bool exact) {
  std::set<std::string> names;
  std::set<Digest> digests;
  for (const Descriptor& entry : delta) {
    names.insert(name_of(entry));
    digests.insert(entry.digest);
  }
  std::erase_if(images, [&](const Descriptor& entry) {
    const std::string name = name_of(entry);
    return exact || (name.empty() ? digests.contains(entry.digest) : names.contains(name));
  });
  images.insert(images.end(), delta.begin(), delta.end());
  sort_entries(images);
  return images;
}

/// The delta's images, with what the mirror has of them.
class Layered : public LayoutSource {
 public:
  Layered(const LayoutSource& delta, const LayoutSource& mirror) : delta_(delta), mirror_(mirror) {}
  std::string name() const override { return delta_.name(); }
  std::vector<Descriptor> images() const override { return delta_.images(); }
  std::unique_ptr<Source> open_blob(const Digest& digest) const override {
    return (delta_.find_size(digest) ? delta_ : mirror_).open_blob(digest);
  }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override {
    auto size = delta_.find_size(digest);
    return size ? size : mirror_.find_size(digest);
  }

 private:
  const LayoutSource& delta_;
  const LayoutSource& mirror_;
};

/// What the delta's images need and the mirror lacks. Throws when the delta lacks it too.
std::map<Digest, std::uint64_t> find_coming(const LayoutSource& delta, const LayoutFolder& mirror) {
  std::vector<MirroredImage> images = read_mirror(Layered(delta, mirror));
  std::vector<std::string> problems;
  for (const MirroredImage& image : images)
    for (const std::string& problem : image.problems) problems.push_back(image.label() + ": " + problem);
  if (!problems.empty()) throw_incomplete(problems);
  auto coming = blobs_of(images);
  std::erase_if(coming, [&](const auto& blob) { return mirror.find_size(blob.first) == blob.second; });
  return coming;
}

std::uint64_t sum_of(const std::map<Digest, std::uint64_t>& blobs) {
  std::uint64_t sum = 0;
  for (const auto& [digest, size] : blobs) sum += size;
  return sum;
}

void copy_blobs(const LayoutSource& from, const std::map<Digest, std::uint64_t>& blobs, LayoutFolder& into,
                Activity* activity, const std::stop_token& stop) {
  const std::uint64_t total = sum_of(blobs);
  std::uint64_t done = 0;
  for (const auto& [digest, size] : blobs) {
    Descriptor blob{
        .media_type = {}, .digest = digest, .size_bytes = size, .annotations = {}, .platform = {}, .artifact_type = {}};
    if (into.find_size(digest) != size) LayoutReader(from, from.name(), blob).fetch_blob(blob, into, nullptr, stop);
    done += size;
    if (activity != nullptr) activity->bytes("blobs", done, total);
  }
}

}  // namespace

CopyResult mirror_image(LayoutFolder& mirror, const MirrorRequest& request, ImageReader& from, Activity* activity,
                        const std::stop_token& stop) {
  LayoutWriter to(mirror, request.name.canonical(), annotations_of(request));
  CopyOptions options{.platforms = request.platforms, .keep_index = true, .referrers = request.referrers};
  return copy_image(from, to, options, activity, stop);
}

std::vector<MirrorRequest> requests_of(const LayoutFolder& mirror) {
  std::vector<MirrorRequest> requests;
  for (const Descriptor& listed : mirror.images()) {
    MirroredImage entry = entry_of(listed);
    if (auto name = Reference::find(entry.name); name && (name->tag() || name->digest()))
      requests.push_back({*std::move(name), std::move(entry.platforms), entry.referrers});
  }
  return requests;
}

void remove_names(const LayoutFolder& mirror, const std::vector<std::string>& names) {
  mirror.change_images([&](std::vector<Descriptor>& entries) {
    for (const std::string& name : names) {
      choose_layout_image(entries, name, mirror.name());  // throws when there is none
      std::erase_if(entries, [&](const Descriptor& entry) { return name_of(entry) == name; });
    }
  });
}

MirrorGarbage find_garbage(const LayoutFolder& mirror) {
  std::vector<MirroredImage> images = read_mirror(mirror);
  MirrorGarbage garbage;
  garbage.widowed = find_widowed(images);
  std::erase_if(images, [&](const MirroredImage& image) { return garbage.widowed.contains(image.image.digest); });
  for (const MirroredImage& image : images)
    if (!image.problems.empty())
      throw Error(ErrorKind::corrupt, fmt::format("{}: {}", image.label(), image.problems[0]))
          .set_hint("what it needs is unknown: `imgb mirror update` brings what is missing, `imgb mirror rm` drops it");
  const auto needed = blobs_of(images);
  for (const auto& [digest, size] : mirror.list_blobs()) {
    if (needed.contains(digest)) continue;
    garbage.blobs.push_back(digest);
    garbage.size_bytes += size;
  }
  return garbage;
}

void remove_garbage(const LayoutFolder& mirror, const MirrorGarbage& garbage) {
  if (!garbage.widowed.empty())
    mirror.change_images([&](std::vector<Descriptor>& entries) {
      std::erase_if(entries, [&](const Descriptor& entry) {
        return name_of(entry).empty() && garbage.widowed.contains(entry.digest);
      });
    });
  for (const Digest& digest : garbage.blobs) mirror.remove_blob(digest);
  mirror.root().remove_tree(layout::kIngest);
}

void export_delta(const LayoutSource& now, const std::set<Digest>& there, LayoutFolder& into, Activity* activity,
                  const std::stop_token& stop) {
  std::vector<MirroredImage> images = read_mirror(now);
  for (const MirroredImage& image : images)
    if (!image.problems.empty())
      throw Error(ErrorKind::corrupt, fmt::format("{}: {}: {}", now.name(), image.label(), image.problems[0]))
          .set_hint("`imgb mirror update` brings what is missing");
  auto blobs = blobs_of(images);
  std::erase_if(blobs, [&](const auto& blob) { return there.contains(blob.first); });
  copy_blobs(now, blobs, into, activity, stop);
  into.change_images([&](std::vector<Descriptor>& entries) {
    entries = now.images();
    sort_entries(entries);
  });
  into.tidy();
}

ImportResult import_delta(const LayoutSource& delta, LayoutFolder& mirror, bool exact, Activity* activity,
                          const std::stop_token& stop) {
  const std::vector<Descriptor> entries = delta.images();
  const auto coming = find_coming(delta, mirror);
  copy_blobs(delta, coming, mirror, activity, stop);
  ImportResult result{.images = entries.size(), .blobs = coming.size(), .size_bytes = sum_of(coming)};
  mirror.change_images([&](std::vector<Descriptor>& images) {
    std::set<std::string> gone;
    for (const Descriptor& entry : images) gone.insert(name_of(entry));
    images = merged(std::move(images), entries, exact);
    for (const Descriptor& entry : images) gone.erase(name_of(entry));
    result.removed = gone.size();
  });
  mirror.tidy();
  return result;
}

}  // namespace imgb
