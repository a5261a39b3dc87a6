#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace imgb {

/// A private key to sign with: Ed25519, RSA of 2048 to 16384 bits, or one of NIST's elliptic curves. Numbers are
/// big-endian bytes without a sign. Not shared between threads while signing.
class PrivateKey {
 public:
  enum class Kind { ed25519, rsa, p256, p384, p521 };
  enum class Hash { none, sha256, sha384, sha512 };

  /// PKCS#1, PKCS#8 or SEC1. Errors: input (no key, damaged, another kind), unsupported (it has a passphrase).
  static PrivateKey parse_pem(std::string_view text);
  /// From their parts. Error(input) when these make no key.
  static PrivateKey ed25519(std::string_view seed);
  static PrivateKey rsa(std::string_view modulus, std::string_view exponent, std::string_view secret_exponent);
  static PrivateKey on_curve(Kind curve, std::string_view point, std::string_view secret);
  PrivateKey(PrivateKey&&) noexcept;
  PrivateKey& operator=(PrivateKey&&) noexcept;
  ~PrivateKey();

  Kind kind() const;
  std::string public_point() const;  ///< Ed25519: its 32 bytes; a curve: 4, then both coordinates. Not of RSA keys.
  std::string rsa_modulus() const;
  std::string rsa_exponent() const;

  /// Ed25519 (no hash): the 64 bytes of RFC 8032; RSA: PKCS#1 v1.5. Not with curves.
  std::string sign(std::string_view data, Hash hash) const;
  struct CurveSignature {
    std::string r, s;
  };
  CurveSignature sign_on_curve(std::string_view data, Hash hash) const;

 private:
  struct State;
  explicit PrivateKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace imgb
