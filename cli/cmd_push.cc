#include <algorithm>
#include <map>

#include "cli/commands.h"
#include "cli/wiring.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/gc.h"
#include "registry/push.h"

namespace imgb {
namespace {

/// Every blob of it is here.
bool is_whole(const BlobStore& blobs, const Descriptor& image) {
  auto needed = reachable({&image, 1}, manifests_of(blobs));
  return std::ranges::all_of(needed, [&](const Digest& digest) { return blobs.peek_size(digest).has_value(); });
}

/// By blob: a repository of the name's registry, another one than the name's, that an image here has its name from.
std::map<Digest, std::string> mount_sources(Store& store, const Reference& name) {
  std::map<Digest, std::string> sources;
  for (const NamedImage& image : store.images().list()) {
    auto its = Reference::find(image.name);
    if (!its || its->domain() != name.domain() || its->path() == name.path()) continue;
    try {
      for (const Digest& blob : reachable({&image.descriptor, 1}, manifests_of(store.blobs())))
        sources.try_emplace(blob, its->path());
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt) throw;  // that image is of no help
    }
  }
  return sources;
}

class Push : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(platform_, "platform", "PLATFORM", "Of an image for several platforms this one alone");
    flags.boolean(quiet_, "q,quiet", "Show no progress");
    flags.argument(image_, "IMAGE").completes = Completes::image;
    flags.argument(destination_, "DESTINATION");
  }

  int run(CliEnv& env) override {
    if (quiet_) env.set_progress("quiet");
    std::stop_token stop = env.stop();
    Reference name = Reference::parse(destination_.value_or(image_)).with_default_tag();
    Descriptor image = choose(env);
    ImageWiring wiring(env);
    auto sources = mount_sources(env.store(), name);
    while_showing(env, "pushing " + name.familiar(), [&](Activity& activity) {
      auto mount_from = [&](const Digest& blob) {
        auto source = sources.find(blob);
        return source == sources.end() ? std::string() : source->second;
      };
      PushResult result =
          push_image(wiring.access().client, image, name, env.store().blobs(), mount_from, &activity, stop);
      activity.note(describe(result));
      return 0;
    });
    env.close_screen();
    env.print_line(fmt::format("{}@{}", name.name(), image.digest.str()));
    return 0;
  }

 private:
  static std::string describe(const PushResult& result) {
    if (result.present + result.mounted + result.sent == 0) return "it was there already";
    return fmt::format("{} blobs sent ({}), {} mounted, {} there already", result.sent, render_size(result.sent_bytes),
                       result.mounted, result.present);
  }

  /// What the name means as a whole, as far as all of it is here: most often it was pulled for this host alone.
  Descriptor choose(CliEnv& env) const {
    Store& store = env.store();
    LocalImage here = get_local_image(store, image_, platform_or_host(platform_));
    auto whole = platform_ ? std::nullopt : find_named_image(store, image_);
    if (!whole || whole->digest == here.descriptor.digest) return here.descriptor;
    if (is_whole(store.blobs(), *whole)) return *whole;
    env.tell(fmt::format("{} is for several platforms, but only {} is here: pushing that alone", image_,
                         here.config.platform.str()));
    return here.descriptor;
  }

  std::optional<std::string> platform_;
  bool quiet_ = false;
  std::string image_;
  std::optional<std::string> destination_;
};

}  // namespace

Command push_command() { return {"push", "Send an image to a registry", make_verb<Push>}; }

}  // namespace imgb
