#include "cli/commands.h"
#include "cli/each_name.h"
#include "cli/transfer_flags.h"
#include "cli/wiring.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Pull : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(platform_, "platform", "PLATFORM", "Such as linux/arm64; this host's otherwise");
    flags.boolean(quiet_, "q,quiet", "Show no progress");
    flags.boolean(unpack_, "unpack", "Unpack layers as they arrive; --unpack=false keeps the blobs alone");
    retry_.describe(flags);
    flags.arguments(images_, "IMAGE", 1);
  }

  int run(CliEnv& env) override {
    if (unpack_) enter_user_namespace_if_needed();
    if (quiet_) env.set_progress("quiet");
    env.stop();
    ImageWiring wiring(env, Isolation::automatic, retry_.limits());
    LayerNeed need = unpack_ ? LayerNeed::unpacked : LayerNeed::blob;
    std::vector<std::string> ids;
    int exit_code = for_each_name(env, images_, [&](const std::string& image) {
      ids.push_back(wiring.obtain(env, image, platform_or_host(platform_), PullPolicy::always, need).id().str());
    });
    env.close_screen();
    for (const std::string& id : ids) env.print_line(id);
    return exit_code;
  }

 private:
  std::optional<std::string> platform_;
  bool quiet_ = false, unpack_ = true;
  RetryFlags retry_;
  std::vector<std::string> images_;
};

}  // namespace

Command pull_command() { return {"pull", "Get images from a registry", make_verb<Pull>}; }

}  // namespace imgb
