#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/container_json.h"
#include "cli/copy_place.h"
#include "cli/each_name.h"
#include "cli/image_json.h"
#include "cli/inspect_place.h"
#include "cli/listing.h"
#include "core/base/error.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

class Inspect : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(format_, "f,format", "FORMAT", "json or a template such as {{.Config.Cmd}}");
    flags.text(platform_, "platform", "PLATFORM", "Such as linux/arm64, of an image for several");
    flags.choice(type_, "type", {"image", "container"}, "What the names are of");
    flags.boolean(remote_, "remote", "Of images where they are: in registries, or as imgb copy spells places");
    flags.boolean(raw_, "raw", "With --remote: the manifest or index itself, byte for byte");
    flags.boolean(referrers_, "referrers", "With --remote: also what refers to the image");
    flags.arguments(names_, "NAME", 1).completes = Completes::image;
  }

  int run(CliEnv& env) override {
    Platform platform = platform_.empty() ? Platform::host() : Platform::parse(platform_);
    if ((raw_ || referrers_) && !remote_) throw_error(ErrorKind::usage, "--raw and --referrers are for --remote");
    Json all = Json::array();
    std::optional<RegistryAccess> access;
    std::stop_token stop = remote_ ? env.stop() : std::stop_token();
    if (remote_)
      access.emplace(environment_of_process(), env.user(),
                     [&env](std::string text) { env.progress().warn(std::move(text)); });
    int exit_code = for_each_name(env, names_, [&](const std::string& name) {
      if (!remote_) return all.push_back(describe_one(env.store(), name, platform));
      auto from = open_reader(env, *access, CopyPlace::parse_remote(name), {platform});
      if (raw_) return env.print(from->get_named(nullptr, stop).bytes);
      all.push_back(inspect_place_json(*from, platform, referrers_, stop));
    });
    if (raw_) return exit_code;
    if (format_.empty()) {
      env.print_line(all.dump(4, ' ', false, Json::error_handler_t::replace));
      return exit_code;
    }
    for (const Json& one : all) env.print_line(render_template(format_ == "json" ? "{{json .}}" : format_, one));
    return exit_code;
  }

 private:
  // Docker's order: a container of that name, else an image.
  Json describe_one(Store& store, const std::string& name, const Platform& platform) const {
    if (type_ != "image" && (type_ == "container" || store.root().find_dir("containers"))) {
      try {
        return inspect_json(Containers(store.folder("containers")).get(name));
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::not_found || type_ == "container") throw;
      }
    }
    LocalImage image = get_local_image(store, name, platform);
    image.names = names_of(store, image);
    return inspect_json(image);
  }

  std::string format_, platform_, type_;
  bool remote_ = false, raw_ = false, referrers_ = false;
  std::vector<std::string> names_;
};

}  // namespace

Command inspect_command() { return {"inspect", "Show everything about images and containers", make_verb<Inspect>}; }

}  // namespace imgb
