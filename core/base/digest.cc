#include "core/base/digest.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

struct Form {
  std::string_view prefix;
  DigestAlgorithm algorithm;
  std::size_t bytes;
};
constexpr Form kForms[] = {{"sha256:", DigestAlgorithm::sha256, 32}, {"sha512:", DigestAlgorithm::sha512, 64}};

std::size_t size_of(DigestAlgorithm algorithm) { return algorithm == DigestAlgorithm::sha256 ? 32 : 64; }

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;  // upper case is another string, and the grammar has only lower
}

}  // namespace

std::optional<Digest> Digest::find(std::string_view text) noexcept {
  for (const Form& form : kForms) {
    if (!text.starts_with(form.prefix)) continue;
    text.remove_prefix(form.prefix.size());
    if (text.size() != form.bytes * 2) return std::nullopt;
    Digest digest;
    digest.algorithm_ = form.algorithm;
    for (std::size_t i = 0; i < form.bytes; ++i) {
      int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      digest.bytes_[i] = static_cast<std::byte>(high << 4 | low);
    }
    return digest;
  }
  return std::nullopt;
}

Digest Digest::parse(std::string_view text) {
  if (auto digest = find(text)) return *digest;
  throw_error(ErrorKind::input, "bad digest {}: want sha256: or sha512: and lower-case hexadecimal digits",
              printable(text, 160));
}

Digest Digest::of(std::span<const std::byte> bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.finish();
}

Digest Digest::from_raw(DigestAlgorithm algorithm, std::span<const std::byte> raw) {
  if (raw.size() != size_of(algorithm)) throw_error(ErrorKind::internal, "a raw digest of {} bytes", raw.size());
  Digest digest;
  digest.algorithm_ = algorithm;
  std::copy(raw.begin(), raw.end(), digest.bytes_.begin());
  return digest;
}

std::string Digest::hex() const { return imgb::hex(raw()); }

std::string Digest::str() const { return (algorithm_ == DigestAlgorithm::sha256 ? "sha256:" : "sha512:") + hex(); }

void HashingSink::write(std::span<const std::byte> bytes) {
  hasher_.update(bytes);
  size_ += bytes.size();
  if (next_) next_->write(bytes);
}

VerifyingSource::VerifyingSource(std::unique_ptr<Source> from, Digest want, std::uint64_t want_size_bytes)
    : from_(std::move(from)), want_(want), want_size_(want_size_bytes), hasher_(want.algorithm()) {}

std::size_t VerifyingSource::read(std::span<std::byte> into) {
  if (done_) return 0;
  std::size_t got = from_->read(into);
  size_ += got;
  if (size_ > want_size_) throw_error(ErrorKind::corrupt, "{} is longer than its {} bytes", want_.str(), want_size_);
  if (got) {
    hasher_.update(into.first(got));
    return got;
  }
  done_ = true;
  if (size_ != want_size_)
    throw_error(ErrorKind::corrupt, "{} ends after {} of {} bytes", want_.str(), size_, want_size_);
  if (Digest actual = hasher_.finish(); actual != want_)
    throw_error(ErrorKind::corrupt, "digest mismatch: got {}, want {} ({} bytes)", actual.str(), want_.str(), size_);
  return 0;
}

}  // namespace imgb
