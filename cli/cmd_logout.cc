#include "cli/commands.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/login.h"

namespace imgb {
namespace {

class Logout : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(all_, "a,all", "Of every registry");
    flags.text(authfile_, "authfile", "FILE", "Only what that file has").completes = Completes::file;
    flags.text(authfile_, "compat-auth-file", "FILE", "The same").completes = Completes::file;
    flags.argument(registry_, "REGISTRY");
  }

  int run(CliEnv& env) override {
    if (all_ && registry_) throw_error(ErrorKind::usage, "REGISTRY or --all, not both");
    auto files = authfile_ ? std::vector<std::filesystem::path>{*authfile_}
                           : settings_places(environment_of_process(), env.user()).auth_files;
    if (!all_) {
      if (!erase(env, files, LoginTarget::parse(registry_.value_or("docker.io"))))
        throw_error(ErrorKind::not_found, "not logged in to {}", registry_.value_or("docker.io"));
      return 0;
    }
    for (const LoginTarget& target : list_logins(files)) erase(env, files, target);
    return 0;
  }

 private:
  static bool erase(CliEnv& env, const std::vector<std::filesystem::path>& files, const LoginTarget& target) {
    auto where = erase_credential(files, target);
    if (!where.empty()) env.print_line(fmt::format("Removed login credentials for {}", target.str()));
    return !where.empty();
  }

  bool all_ = false;
  std::optional<std::string> authfile_, registry_;
};

}  // namespace

Command logout_command() { return {"logout", "Remove the credentials for a registry", make_verb<Logout>}; }

}  // namespace imgb
