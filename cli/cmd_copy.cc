#include "cli/commands.h"
#include "cli/copy_place.h"
#include "cli/transfer_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/copy_image.h"

namespace imgb {
namespace {

class Copy : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(platforms_, "platform", "PLATFORM", "Of an image for several platforms only these; may be repeated");
    flags.boolean(all_, "a,all-platforms", "All platforms of the image, which is the default");
    flags.boolean(referrers_, "referrers", "With what refers to the image: signatures, attestations");
    retry_.describe(flags);
    flags.boolean(quiet_, "q,quiet", "Show no progress");
    flags.argument(source_, "SOURCE").completes = Completes::image;
    flags.argument(destination_, "DESTINATION");
  }

  int run(CliEnv& env) override {
    if (quiet_) env.set_progress("quiet");
    CopyPlace source = CopyPlace::parse(source_), destination = CopyPlace::parse(destination_);
    std::stop_token stop = env.stop();
    RegistryAccess access(
        environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
        retry_.limits());
    CopyOptions options{.platforms = wanted_platforms(destination), .referrers = referrers_};
    auto from = open_reader(env, access, source, options.platforms);
    auto to = open_writer(env, access, destination);
    CopyResult result = while_showing(env, "copying " + source_ + " to " + destination_, [&](Activity& activity) {
      CopyResult copied = copy_image(*from, *to, options, &activity, stop);
      activity.note(describe_transfer(copied, "copied"));
      return copied;
    });
    env.close_screen();
    if (result.is_new_index)
      env.tell(fmt::format("the index of {} platforms is a new one: its digest is not the source's",
                           options.platforms.size()));
    env.print_line(result.image.digest.str());
    return 0;
  }

 private:
  std::vector<Platform> wanted_platforms(const CopyPlace& destination) const {
    std::vector<Platform> platforms = parse_platforms(platforms_);
    if (all_ && !platforms.empty()) throw_error(ErrorKind::usage, "--platform or --all-platforms, not both");
    if (destination.kind != CopyPlace::Kind::docker_archive) return platforms;
    if (all_ || platforms.size() > 1)
      throw_error(ErrorKind::usage, "a docker-archive holds an image for one platform; oci-archive: holds them all");
    return platforms.empty() ? std::vector{Platform::host()} : platforms;
  }

  std::vector<std::string> platforms_;
  bool all_ = false, referrers_ = false, quiet_ = false;
  RetryFlags retry_;
  std::string source_, destination_;
};

}  // namespace

Command copy_command() { return {"copy", "Copy images between registries, layouts and archives", make_verb<Copy>}; }

}  // namespace imgb
