#pragma once
#include <cstdint>
#include <string_view>

namespace imgb {

/// Hashes a name within its folder under a random key, so that who chooses the names cannot choose which of them
/// collide: a polynomial over the integers modulo 2^61 - 1, evaluated at the key. Two names of up to 255 bytes have one
/// hash for at most 40 of the 2^61 keys.
class NameHash {
 public:
  NameHash();  ///< A key of its own.
  std::uint64_t operator()(std::uint32_t folder, std::string_view name) const;

 private:
  std::uint64_t key_;
};

}  // namespace imgb
