#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/image_json.h"
#include "cli/listing.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

class Inspect : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(format_, "f,format", "FORMAT", "json or a template such as {{.Config.Cmd}}");
    flags.text(platform_, "platform", "PLATFORM", "Which one of an image for several");
    flags.arguments(names_, "NAME", 1).completes = Completes::image;
  }

  int run(CliEnv& env) override {
    Platform platform = platform_.empty() ? Platform::host() : Platform::parse(platform_);
    Json all = Json::array();
    for (const std::string& name : names_) all.push_back(inspect_json(get_local_image(env.store(), name, platform)));
    if (format_.empty()) {
      env.print_line(all.dump(4, ' ', false, Json::error_handler_t::replace));
      return 0;
    }
    for (const Json& one : all) env.print_line(render_template(format_ == "json" ? "{{json .}}" : format_, one));
    return 0;
  }

 private:
  std::string format_, platform_;
  std::vector<std::string> names_;
};

}  // namespace

Command inspect_command() { return {"inspect", "Show everything about images and containers", make_verb<Inspect>}; }

}  // namespace imgb
