#include "builder/resolve_images.h"

#include <algorithm>

#include "builder/dockerfile_error.h"
#include "builder/outside_needs.h"
#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/base/task.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxAtOnce = 8;

void add_nearest_name(Error& e, const std::string& name) {
  std::vector<std::string> known{"alpine", "busybox", "debian",  "ubuntu", "python",   "node",
                                 "golang", "rust",    "nginx",   "redis",  "postgres", "mysql",
                                 "fedora", "scratch", "openjdk", "ruby",   "php",      "httpd"};
  std::string bare = name.substr(0, name.find_first_of(":@"));
  if (auto nearest = find_nearest(bare, known)) e.set_hint(fmt::format("did you mean {}?", *nearest));
}

}  // namespace

/// For `--from=biuld`, which nobody may be there to say that there is no such image.
std::string ImageResolver::nearest_stage(std::string_view name) const {
  std::vector<std::string> stages;
  for (const Stage& stage : file_.stages)
    if (!stage.name.empty()) stages.push_back(stage.name);
  auto nearest = find_nearest(name.substr(0, name.find_first_of(":@")), stages);
  return nearest ? fmt::format(" (did you mean the stage {}?)", *nearest) : "";
}

BaseImage ImageResolver::ask(const ImageInput& image, Activity& activity) const {
  PullPolicy policy = request_.offline ? PullPolicy::never : request_.pull;
  if (image.source != &images_ || !request_.lock)
    return image.source->resolve(image.name, image.platform, policy, activity, stop_);
  // A digest means what it means: nobody has to be asked for what is here.
  Reference name = locked_name(request_, image.name, image.platform);
  if (policy == PullPolicy::always) policy = PullPolicy::missing;
  BaseImage base = image.source->resolve(name, image.platform, policy, activity, stop_);
  if (base.manifest.digest != *name.digest())
    throw_error(ErrorKind::input, "{} is no image for one platform: it is an index with {}", name.familiar(),
                base.manifest.digest.str());
  return base;
}

BaseImage ImageResolver::resolve(const WantedImage& wanted) const {
  const ImageInput& image = wanted.image;
  Activity activity(progress_, fmt::format("[internal] load metadata for {}", image.name.familiar()));
  try {
    BaseImage base = ask(image, activity);
    activity.done();
    return base;
  } catch (Error& e) {
    if (e.kind() == ErrorKind::cancelled) throw;
    activity.failed(e.what());
    e.add_frame(fmt::format("failed to resolve source metadata for {}{}", image.name.familiar(),
                            nearest_stage(image.name.familiar())));
    if (e.kind() == ErrorKind::not_found) add_nearest_name(e, image.name.familiar());
    throw DockerfileError(e, wanted.lines.first ? file_.source : nullptr, {SourceLocation{wanted.lines}});
  }
}

std::map<InputId, BaseImage> ImageResolver::resolve_all(const std::vector<WantedImage>& wanted) const {
  std::map<InputId, BaseImage> images;
  if (wanted.size() == 1) images.emplace(wanted[0].input, resolve(wanted[0]));
  if (wanted.size() < 2) return images;
  Guarded<std::map<InputId, BaseImage>> found;
  TaskGroup group(static_cast<unsigned>(std::min(wanted.size(), kMaxAtOnce)), stop_);
  for (const WantedImage& image : wanted) {
    group.add([&found, &image, this] {
      BaseImage base = resolve(image);
      found.with([&](auto& map) { map.emplace(image.input, std::move(base)); });
    });
  }
  group.join();
  found.with([&](auto& map) { images.swap(map); });
  return images;
}

}  // namespace imgb
