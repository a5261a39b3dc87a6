#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "core/oci/platform.h"

namespace imgb {
namespace {

class Version : public Verb {
 public:
  void describe(Flags& flags) override { flags.choice(format_, "format", {"text", "json"}, "How it is printed"); }

  int run(CliEnv& env) override {
    if (format_ != "json") {
      env.print_line("imgb " IMGB_VERSION);
      return 0;
    }
    utsname host{};
    ::uname(&host);
    nlohmann::ordered_json json{
        {"version", IMGB_VERSION}, {"platform", Platform::host().str()}, {"kernel", host.release}};
    env.print_line(json.dump());
    return 0;
  }

 private:
  std::string format_ = "text";
};

}  // namespace

Command version_command() { return {"version", "Show the version", make_verb<Version>}; }

}  // namespace imgb
