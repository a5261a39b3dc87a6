#include <openssl/evp.h>

#include "core/base/digest.h"
#include "core/base/error.h"

// OpenSSL: SHA-256 with the CPU's SHA instructions.

namespace imgb {
namespace {

/// Fetched once: a look-up by name costs more than hashing a small file.
const EVP_MD* method(DigestAlgorithm algorithm) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  return algorithm == DigestAlgorithm::sha256 ? sha256 : sha512;
}

void check(int result) {
  if (result != 1) throw_error(ErrorKind::internal, "OpenSSL cannot hash");
}

}  // namespace

struct Hasher::State {
  explicit State(DigestAlgorithm which) : algorithm(which) {}
  State(const State&) = delete;
  DigestAlgorithm algorithm;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(DigestAlgorithm algorithm) : state_(std::make_unique<State>(algorithm)) {
  check(state_->context ? EVP_DigestInit_ex2(state_->context, method(algorithm), nullptr) : 0);
}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()));
}

Digest Hasher::finish() {
  std::array<std::byte, 64> raw{};
  unsigned size = 0;
  check(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(raw.data()), &size));
  return Digest::from_raw(state_->algorithm, std::span(raw).first(size));
}

}  // namespace imgb
