#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/stream.h"

namespace imgb {

enum class DigestAlgorithm : std::uint8_t { sha256, sha512 };

/// Content digest, "<algorithm>:<lowercase hex>". Never empty: absence is std::optional<Digest>.
/// Spec: OCI image-spec v1.1, descriptor.md "Digests".
class Digest {
 public:
  static Digest parse(std::string_view text);  ///< Throws Error(input) on any other shape.
  static std::optional<Digest> find(std::string_view text) noexcept;
  static Digest of(std::span<const std::byte> bytes);  ///< SHA-256.
  static Digest of(std::string_view text) { return of(as_bytes(text)); }
  static Digest from_raw(DigestAlgorithm algorithm, std::span<const std::byte> raw);

  DigestAlgorithm algorithm() const { return algorithm_; }
  std::string str() const;
  std::string hex() const;
  std::string short_hex() const { return hex().substr(0, 12); }  ///< What people are shown.
  std::span<const std::byte> raw() const {
    return std::span(bytes_).first(algorithm_ == DigestAlgorithm::sha256 ? 32 : 64);
  }
  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  Digest() = default;
  DigestAlgorithm algorithm_ = DigestAlgorithm::sha256;
  std::array<std::byte, 64> bytes_{};  // sha256 uses the first 32
};

/// Running hash. `finish()` once.
class Hasher {
 public:
  explicit Hasher(DigestAlgorithm algorithm = DigestAlgorithm::sha256);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(as_bytes(text)); }
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Passes bytes through to `next` (may be null) and counts and hashes them.
class HashingSink : public Sink {
 public:
  explicit HashingSink(Sink* next = nullptr) : next_(next) {}
  void write(std::span<const std::byte> bytes) override;
  std::uint64_t size_bytes() const { return size_; }
  Digest finish() { return hasher_.finish(); }

 private:
  Sink* next_;
  Hasher hasher_;
  std::uint64_t size_ = 0;
};

/// Checks size and digest while the bytes stream: throws Error(corrupt) with got and want, at the first byte too many,
/// or at the end. Owns the source it reads.
class VerifyingSource : public Source {
 public:
  VerifyingSource(std::unique_ptr<Source> from, Digest want, std::uint64_t want_size_bytes);
  std::size_t read(std::span<std::byte> into) override;

 private:
  std::unique_ptr<Source> from_;
  Digest want_;
  std::uint64_t want_size_, size_ = 0;
  Hasher hasher_;
  bool done_ = false;
};

}  // namespace imgb

template <>
struct std::hash<imgb::Digest> {
  std::size_t operator()(const imgb::Digest& d) const noexcept {
    std::size_t h;
    static_assert(sizeof h <= 32);
    __builtin_memcpy(&h, d.raw().data(), sizeof h);
    return h;
  }
};
