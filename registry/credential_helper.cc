#include "registry/credential_helper.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::chrono::milliseconds kHelperLimit{30'000};
constexpr std::size_t kMaxHelperBytes = 64ull * 1024;

/// nullopt: it says that it has nothing for the server.
std::optional<std::string> run(const AskHelper& ask, const char* verb, const std::string& input) {
  std::string program = "docker-credential-" + ask.helper;
  auto path = find_program(program);
  if (!path) {
    Error e(ErrorKind::denied, fmt::format("credential helper {} for {} is not in PATH", program, ask.server));
    e.set_hint("install it, or log in again without it");
    throw e;
  }
  Output output = run_helper({*path, verb}, input, kHelperLimit, kMaxHelperBytes);
  if (output.status.ok()) return std::move(output.out);
  if (says_no_credential(output.out) || says_no_credential(output.err)) return std::nullopt;
  // Standard output could hold a secret; standard error is for people.
  throw_error(ErrorKind::denied, "failed with exit code {}: {}", output.status.shell_code(),
              printable(trim(output.err), 256));
}

/// Whatever goes wrong, no registry is at fault and none is to be asked again.
template <class Body>
auto with_helper(const AskHelper& ask, Body body) {
  try {
    return body();
  } catch (const Error& e) {
    Error denied(ErrorKind::denied,
                 fmt::format("credential helper docker-credential-{} for {}: {}", ask.helper, ask.server, e.what()));
    throw denied.set_hint(e.hint());
  }
}

}  // namespace

std::optional<Credential> ask_helper(const AskHelper& ask) {
  return with_helper(ask, [&] {
    auto answer = run(ask, "get", ask.server);
    return answer ? parse_helper_answer(*answer) : std::nullopt;
  });
}

void store_by_helper(const AskHelper& where, const Credential& credential) {
  bool token = !credential.identity_token.empty();
  nlohmann::json entry{{"ServerURL", where.server},
                       {"Username", token ? "<token>" : credential.user},
                       {"Secret", token ? credential.identity_token : credential.secret}};
  with_helper(where, [&] { return run(where, "store", entry.dump()); });
}

void erase_by_helper(const AskHelper& where) {
  with_helper(where, [&] { return run(where, "erase", where.server); });
}

}  // namespace imgb
