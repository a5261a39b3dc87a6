#include "builder/export.h"
#include "cli/commands.h"
#include "cli/copy_place.h"
#include "cli/mount_sources.h"
#include "cli/transfer_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/blob_places.h"
#include "core/store/copy_image.h"
#include "registry/registry_places.h"

namespace imgb {
namespace {

/// What the images here have from the name's registry.
MountSources mount_sources(Store& store, const Reference& name) {
  MountSources sources;
  for (const NamedImage& image : store.images().list()) {
    auto its = Reference::find(image.name);
    if (its && its->domain() == name.domain() && its->path() != name.path())
      sources.add_image(store, *its, image.descriptor);
  }
  return sources;
}

class Push : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(platforms_, "platform", "PLATFORM", "Of an image for several platforms only these; may be repeated");
    flags.choice(compression_, "compression", {"gzip", "zstd", "uncompressed"}, "Send layers compressed this way");
    flags.text(level_, "compression-level", "N", "How hard to compress");
    flags.boolean(force_, "force-compression", "Compress also layers again that are compressed this way already");
    flags.choice(format_, "format", {"oci", "docker"}, "Send manifests of this family");
    retry_.describe(flags);
    flags.boolean(quiet_, "q,quiet", "Show no progress");
    flags.argument(image_, "IMAGE").completes = Completes::image;
    flags.argument(destination_, "DESTINATION");
  }

  int run(CliEnv& env) override {
    if (quiet_) env.set_progress("quiet");
    std::stop_token stop = env.stop();
    Reference name = Reference::parse(destination_.value_or(image_)).with_default_tag();
    std::vector<Platform> platforms = parse_platforms(platforms_);
    ConvertOptions conversion = parse_conversion();
    Descriptor image = choose_stored_image(env, image_, platforms);
    RegistryAccess access(
        environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
        retry_.limits());
    auto sources = mount_sources(env.store(), name);
    RegistryWriter to(access.client, name, [&](const Digest& blob) { return sources.find(name, blob); });
    CopyResult result = while_showing(env, "pushing " + name.familiar(), [&](Activity& activity) {
      StoreReader from(env.store().blobs(), image_, convert_image(env.store(), image, conversion, stop));
      CopyResult pushed = copy_image(from, to, {.platforms = platforms}, &activity, stop);
      activity.note(describe_transfer(pushed, "sent"));
      return pushed;
    });
    env.close_screen();
    env.print_line(fmt::format("{}@{}", name.name(), result.image.digest.str()));
    return 0;
  }

 private:
  ConvertOptions parse_conversion() const {
    ConvertOptions options{.force = true, .same = force_};
    if (!compression_.empty())
      options.compression = compression_ == "gzip"   ? Compression::gzip
                            : compression_ == "zstd" ? Compression::zstd
                                                     : Compression::none;
    if ((level_ || force_) && !options.compression)
      throw_error(ErrorKind::usage, "--compression-level and --force-compression are for --compression");
    if (level_) {
      auto level = find_integer(*level_);
      if (!level || *level < -7 || *level > 22)
        throw_error(ErrorKind::usage, "--compression-level is a number up to 9 for gzip and 22 for zstd, not {:?}",
                    printable(*level_, 64));
      options.level = static_cast<int>(*level);
    }
    options.docker_types = format_ == "docker";
    // Few readers of Docker's manifests know layers in zstd.
    options.oci_types = format_ == "oci" || (format_.empty() && options.compression == Compression::zstd);
    return options;
  }

  std::vector<std::string> platforms_;
  std::string compression_, format_;
  std::optional<std::string> level_;
  bool force_ = false;
  RetryFlags retry_;
  bool quiet_ = false;
  std::string image_;
  std::optional<std::string> destination_;
};

}  // namespace

Command push_command() { return {"push", "Send an image to a registry", make_verb<Push>}; }

}  // namespace imgb
