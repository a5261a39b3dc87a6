#include "builder/build_context.h"
#include "builder/export.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/wiring.h"
#include "core/base/error.h"
#include "core/store/publish.h"

namespace imgb {
namespace {

class Import : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(changes_, "c,change", "INSTRUCTION", "Apply a Dockerfile instruction, such as CMD or ENV");
    flags.text(message_, "m,message", "TEXT", "A comment for the image's history");
    flags.text(platform_, "platform", "PLATFORM", "What it is for; this host otherwise");
    flags.argument(file_, "FILE").completes = Completes::file;
    flags.argument(name_, "NAME");
  }

  int run(CliEnv& env) override {
    std::optional<Reference> name;
    if (name_) name = Reference::parse(*name_).with_default_tag();
    std::stop_token stop = env.stop();
    std::string what = file_ == "-" ? "standard input" : file_;
    Layer layer = open_archive_context(env.store(), open_seekable(env.store(), file_), what, stop).layer;
    Descriptor manifest = make_image(env.store(), layer);
    if (!changes_.empty()) manifest = apply_changes(env, manifest, stop);
    publish(env.store(), manifest, name ? std::span(&*name, 1) : std::span<const Reference>());
    env.close_screen();
    env.print_line(read_local_image(env.store().blobs(), manifest, platform_or_host(platform_)).id().str());
    return 0;
  }

 private:
  Descriptor make_image(Store& store, const Layer& layer) const {
    ImageConfig config;
    config.platform = platform_or_host(platform_);
    config.created = now();
    config.diff_ids = {layer.diff_id};
    config.history = {{config.created, "", "", message_.empty() ? "Imported from " + file_ : message_, false}};
    Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                      .config = write_blob(store.blobs(), render(config), std::string(media_type::kOciConfig)),
                      .layers = {layer.blob}};
    return write_blob(store.blobs(), render(manifest), std::string(media_type::kOciManifest));
  }

  // The instructions are a Dockerfile on top of what was imported.
  Descriptor apply_changes(CliEnv& env, const Descriptor& manifest, const std::stop_token& stop) const {
    ImageWiring wiring(env);
    publish(env.store(), manifest, {});
    FixedImage base(wiring.source(), env.store(), manifest, platform_or_host(platform_));
    BuildRequest request = make_build_request({}, {});
    request.dockerfile_name = "--change";
    request.dockerfile_text = "FROM imported\n";
    for (const std::string& change : changes_) request.dockerfile_text += change + "\n";
    request.named_contexts.insert_or_assign("imported", ImageContext{Reference::parse("imported"), &base});
    Sandbox sandbox({.isolation = wiring.isolation()});
    SandboxRunner runner(sandbox);
    RegistryFiles files(wiring.access());
    BuildTools tools{env.store(), wiring.snapshots(), runner, wiring.source(), files, env.progress()};
    Descriptor changed = build(request, tools, stop).manifest;
    env.store().images().remove_image(manifest.digest);
    return changed;
  }

  /// The one image, whatever is asked for.
  class FixedImage : public BaseImageSource {
   public:
    FixedImage(ImageSource& source, Store& store, const Descriptor& manifest, Platform platform)
        : source_(source), store_(store), manifest_(manifest), platform_(std::move(platform)) {}
    BaseImage resolve(const Reference&, const Platform&, PullPolicy, Activity&, std::stop_token) override {
      LocalImage image = read_local_image(store_.blobs(), manifest_, platform_);
      return {manifest_, image.config, layers_of(manifest_.digest, image.manifest.layers, image.config)};
    }
    void fetch(const BaseImage& image, LayerNeed need, Activity& activity, std::stop_token stop) override {
      source_.fetch(image, need, activity, std::move(stop));
    }

   private:
    ImageSource& source_;
    Store& store_;
    Descriptor manifest_;
    Platform platform_;
  };

  std::vector<std::string> changes_;
  std::string message_, file_;
  std::optional<std::string> platform_, name_;
};

}  // namespace

Command import_command() { return {"import", "Make an image of a root file system's tar", make_verb<Import>}; }

}  // namespace imgb
