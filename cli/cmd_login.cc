#include "registry/login.h"

#include "cli/ask_user.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/access.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxSecretBytes = 64ull * 1024;

class Login : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(user_, "u,username", "USER", "Who you are there");
    flags.text(password_, "p,password", "PASSWORD", "Seen by everyone who lists processes: better --password-stdin");
    flags.boolean(password_stdin_, "password-stdin", "Read the password from standard input");
    flags.text(authfile_, "authfile", "FILE", "Write it there (REGISTRY_AUTH_FILE, else auth.json)").completes =
        Completes::file;
    flags.text(compat_file_, "compat-auth-file", "FILE", "The same, in the words of a Docker config").completes =
        Completes::file;
    flags.boolean(verify_, "verify", "Ask the registry whether they are right; --verify=false stores them as they are");
    flags.boolean(get_login_, "get-login", "Print who is logged in, and do nothing");
    flags.argument(registry_, "REGISTRY");
  }

  int run(CliEnv& env) override {
    LoginTarget target = LoginTarget::parse(registry_.value_or("docker.io"));
    RegistryAccess access(environment_of_process(), env.user(),
                          [&env](std::string text) { env.progress().warn(std::move(text)); });
    if (get_login_) return print_login(env, access, target);
    std::stop_token stop = env.stop();
    Credential credential = get_credential(env, access, target);
    bool asked = !verify_ || check_credential(access.transport, access.settings, target, credential, stop);
    std::string where = store_credential(place(env, target), target, credential);
    env.close_screen();
    if (!asked) env.tell(target.registry + " asks nobody for a password; it is stored all the same");
    env.tell("stored in " + where);
    env.print_line("Login Succeeded");
    return 0;
  }

 private:
  static int print_login(CliEnv& env, RegistryAccess& access, const LoginTarget& target) {
    auto known = access.settings.find_credential(target.registry, target.path);
    if (!known) throw_error(ErrorKind::not_found, "not logged in to {}", target.str());
    env.print_line(known->user.empty() ? "<token>" : known->user);
    return 0;
  }

  Credential get_credential(CliEnv& env, RegistryAccess& access, const LoginTarget& target) const {
    if (password_ && password_stdin_) throw_error(ErrorKind::usage, "--password or --password-stdin, not both");
    if (password_stdin_ && !user_) throw_error(ErrorKind::usage, "--password-stdin needs -u USER");
    if (password_)
      env.progress().warn("a password on the command line is seen by all who list processes: use --password-stdin");
    auto known = user_ && (password_ || password_stdin_)
                     ? std::nullopt
                     : access.settings.find_credential(target.registry, target.path);
    if (known && !user_ && !password_) {
      env.tell("trying what is stored for " + target.str());
      return *known;
    }
    Credential typed{user_ ? *user_ : ask_user(env, "Username: ", Echo::shown), "", ""};
    if (typed.user.empty()) throw_error(ErrorKind::usage, "no user name");
    if (typed.user.find(':') != std::string::npos) throw_error(ErrorKind::usage, "a user name has no colon");
    typed.secret = get_password(env);
    if (typed.secret.empty()) throw_error(ErrorKind::usage, "no password");
    return typed;
  }

  std::string get_password(CliEnv& env) const {
    if (password_) return *password_;
    if (!password_stdin_) return ask_user(env, "Password: ", Echo::hidden);
    std::string text = read_user_file("-", kMaxSecretBytes);
    while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
    return text;
  }

  AuthFilePlace place(CliEnv& env, const LoginTarget& target) const {
    if (authfile_ && compat_file_) throw_error(ErrorKind::usage, "--authfile or --compat-auth-file, not both");
    if (authfile_) return {*authfile_, false};
    if (compat_file_) return {*compat_file_, true};
    return choose_auth_file(settings_places(environment_of_process(), env.user()), target);
  }

  std::optional<std::string> user_, password_, authfile_, compat_file_, registry_;
  bool password_stdin_ = false, verify_ = true, get_login_ = false;
};

}  // namespace

Command login_command() { return {"login", "Store credentials for a registry", make_verb<Login>}; }

}  // namespace imgb
