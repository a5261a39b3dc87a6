#include "core/oci/json.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/time.h"
#include "tests/support/processor_time.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;

std::uint64_t mix(std::uint64_t value) { return value ^ value >> 47; }  // its own inverse

std::uint64_t inverse_of_multiplier() {
  std::uint64_t inverse = kMultiplier;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMultiplier * inverse;
  return inverse;
}

/// Keys of 16 letters that all have one hash in the C++ library's unseeded table: the second half undoes the first.
std::vector<std::string> colliding_keys(std::size_t count) {
  const std::uint64_t inverse = inverse_of_multiplier();
  std::vector<std::string> keys;
  auto is_plain = [](char c) { return c > 0x1f && c < 0x7f && c != '"' && c != '\\'; };
  for (std::uint64_t n = 0; keys.size() < count; ++n) {
    std::string half = fmt::format("{:08x}", n);
    std::uint64_t block;
    std::memcpy(&block, half.data(), 8);
    std::uint64_t state = 0xc70f6907 ^ 16 * kMultiplier;
    state = (state ^ mix(block * kMultiplier) * kMultiplier) * kMultiplier;
    std::uint64_t other = mix((state ^ 0x0123456789abcdef) * inverse) * inverse;
    char text[8];
    std::memcpy(text, &other, 8);
    if (std::all_of(text, text + 8, is_plain)) keys.push_back(half + std::string(text, 8));
  }
  return keys;
}

double cpu_seconds_of_parsing(const std::vector<std::string>& keys) {
  std::string text = "{";
  for (const std::string& key : keys) text += (text.size() > 1 ? ",\"" : "\"") + key + "\":0";
  text += "}";
  double before = processor_seconds();
  EXPECT_EQ(parse_json(text, text.size(), "test").size(), keys.size());
  return processor_seconds() - before;
}

TEST(Json, KeysThatCollideInAHashTableCostNoMoreThanOthers) {
  std::vector<std::string> colliding = colliding_keys(20'000), others;
  if constexpr (sizeof(std::size_t) == 8) {
    ASSERT_EQ(std::hash<std::string>()(colliding[0]), std::hash<std::string>()(colliding[1]));
  }
  for (std::size_t i = 0; i < colliding.size(); ++i) others.push_back(fmt::format("{:016x}", i * kMultiplier));
  EXPECT_LT(cpu_seconds_of_parsing(colliding), 10 * cpu_seconds_of_parsing(others) + 0.05);
}

TEST(Json, AKeyThatStandsTwiceIsRefused) {
  EXPECT_THROW(parse_json(R"({"a":1,"b":{"a":1},"a":2})", 100, "test"), Error);
  EXPECT_EQ(parse_json(R"({"a":1,"b":[{"a":1},{"a":1}]})", 100, "test").size(), 2u);
}

}  // namespace
}  // namespace imgb
