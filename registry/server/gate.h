#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/digest.h"
#include "core/base/task.h"
#include "registry/http.h"
#include "registry/server/htpasswd.h"

namespace imgb::server {

/// Who may ask: anybody, or those with an account (HTTP Basic, RFC 7617). Remembers passwords that were right, as
/// salted digests, since a check takes long by design. Threads: all functions may be called at once.
class Gate {
 public:
  Gate();
  void set(Accounts accounts);  ///< From now on these, and nobody else.
  enum class Access { granted, refused, unknown };
  Access look(const Headers& headers) const;  ///< At once; unknown: check() tells.
  Access check(const Headers& headers);       ///< Takes long.
  /// Of a request that was granted; "" when anybody may ask.
  std::string user(const Headers& headers) const;
  bool is_open() const;

 private:
  struct State {
    std::shared_ptr<const Accounts> accounts;
    std::map<Digest, bool> known;  ///< Of what was said, with the salt: was it right?
  };
  std::optional<Digest> key_of(const Headers& headers) const;
  std::string salt_;
  Guarded<State> state_;
};

}  // namespace imgb::server
