#include "cli/commands.h"
#include "cli/each_name.h"
#include "cli/transfer_flags.h"
#include "core/base/error.h"
#include "registry/access.h"

namespace imgb {
namespace {

class Delete : public Verb {
 public:
  void describe(Flags& flags) override {
    retry_.describe(flags);
    flags.arguments(names_, "NAME", 1);
  }

  int run(CliEnv& env) override {
    std::stop_token stop = env.stop();
    RegistryAccess access(
        environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
        retry_.limits());
    return for_each_name(env, names_, [&](const std::string& typed) {
      std::string text = typed.starts_with("docker://") ? typed.substr(9) : typed;
      Reference name = Reference::parse(text);
      if (!name.tag() && !name.digest())
        throw Error(ErrorKind::usage, fmt::format("{} names no image", text))
            .set_hint("give a tag or a digest: what is deleted in a registry is gone for everyone");
      delete_one(access.client, name, stop);
      env.print_line("Deleted: " + name.familiar());
    });
  }

 private:
  static void delete_one(RegistryClient& client, const Reference& name, const std::stop_token& stop) {
    try {
      client.delete_manifest(name, nullptr, stop);
    } catch (Error& error) {
      // By its digest the manifest goes with all its tags, which is more than was asked for: the user decides.
      auto meant =
          error.kind() == ErrorKind::unsupported && !name.digest() ? client.find_manifest(name, stop) : std::nullopt;
      if (meant)
        error.set_hint(fmt::format("with all the tags it has, if the registry deletes at all: imgb delete {}@{}",
                                   Reference::parse(name.name()).familiar(), meant->digest.str()));
      throw;
    }
  }

  RetryFlags retry_;
  std::vector<std::string> names_;
};

}  // namespace

Command delete_command() { return {"delete", "Delete images in a registry", make_verb<Delete>}; }

}  // namespace imgb
