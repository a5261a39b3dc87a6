#include "layerfs/name_hash.h"

#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace imgb {
namespace {

constexpr std::uint64_t kPrime = (1ULL << 61) - 1;
constexpr std::size_t kWordBytes = 7;  // any seven bytes are below the prime

std::uint64_t reduce(std::uint64_t value) {
  value = (value & kPrime) + (value >> 61);
  return value >= kPrime ? value - kPrime : value;
}

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  Wide product = static_cast<Wide>(a) * b;
  return reduce((static_cast<std::uint64_t>(product) & kPrime) + static_cast<std::uint64_t>(product >> 61));
}

}  // namespace

NameHash::NameHash() {
  do {
    if (::getrandom(&key_, sizeof key_, 0) != sizeof key_) throw_errno("getrandom");
    key_ &= kPrime;
  } while (key_ == 0 || key_ == kPrime);
}

std::uint64_t NameHash::operator()(std::uint32_t folder, std::string_view name) const {
  // The first coefficient is never 0: names of different lengths are different polynomials.
  std::uint64_t hash = std::uint64_t{folder} + 1;
  auto add = [&](std::uint64_t word) { hash = reduce(times(hash, key_) + word); };
  add(name.size());
  while (!name.empty()) {
    std::uint64_t word = 0;
    std::size_t bytes = std::min(name.size(), kWordBytes);
    std::memcpy(&word, name.data(), bytes);
    add(word);
    name.remove_prefix(bytes);
  }
  return hash;
}

}  // namespace imgb
