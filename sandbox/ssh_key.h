#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace imgb {

/// A private key of a user, to sign with as an SSH agent does. Kinds: ed25519, RSA from 2048 bits, ECDSA over the NIST
/// curves. Not shared between threads while signing.
class SshKey {
 public:
  /// Reads OpenSSH's own format (PROTOCOL.key) and PEM (PKCS#1, PKCS#8, SEC1). `name` goes into errors and is the key's
  /// comment where the file has none. Errors: input (no key, an unknown kind, damaged), unsupported (a passphrase).
  static SshKey parse(std::string_view text, std::string_view name);
  SshKey(SshKey&&) noexcept;
  SshKey& operator=(SshKey&&) noexcept;
  ~SshKey();

  const std::string& comment() const;
  const std::string& public_blob() const;  ///< As in authorized_keys, before base64 (RFC 4253 6.6, 5656 3.1, 8709 4).
  /// A signature blob (RFC 4253 6.6, RFC 8332). `flags`: 2 asks an RSA key for SHA-256, 4 for SHA-512; without them an
  /// RSA key signs nothing: SHA-1 is broken.
  std::optional<std::string> sign(std::string_view data, unsigned flags) const;

 private:
  struct State;
  explicit SshKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace imgb
