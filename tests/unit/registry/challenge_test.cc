#include "registry/challenge.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

std::optional<Challenge> find(std::initializer_list<std::string> values) {
  Headers headers;
  for (const std::string& value : values) headers.add("WWW-Authenticate", value);
  return find_challenge(headers);
}

TEST(Challenge, BearerAndBasicAreUnderstoodInEveryArrangement) {
  BearerChallenge bearer{"https://auth.example/token", "registry.example"};
  EXPECT_EQ(find({R"(Bearer realm="https://auth.example/token",service="registry.example",scope="repository:x:pull")"}),
            Challenge(bearer));
  EXPECT_EQ(find({R"(bearer   service=registry.example , realm="https://auth.example/token")"}), Challenge(bearer));
  EXPECT_EQ(find({R"(Basic realm="x", Bearer realm="https://auth.example/token",service="registry.example")"}),
            Challenge(bearer));
  EXPECT_EQ(find({"Negotiate", R"(Basic realm="a \"quoted\" realm")"}), Challenge(BasicChallenge{}));
  EXPECT_EQ(find({R"(Bearer realm="r",service="a\"b",error="insufficient_scope")"}),
            Challenge(BearerChallenge{"r", "a\"b"}));
}

TEST(Challenge, WhatIsNoChallengeIsPassedOver) {
  EXPECT_EQ(find({}), std::nullopt);
  for (const char* text : {"", ",,,", "=", "\"", "Bearer", "Bearer service=\"x\"", "Digest realm=\"x\"", "Bearer realm",
                           "Bearer realm=\"unterminated", "realm=\"x\"", "Bearer =\"x\""}) {
    auto found = find({text});
    if (found) {
      ASSERT_TRUE(std::holds_alternative<BearerChallenge>(*found)) << text;
      EXPECT_EQ(std::get<BearerChallenge>(*found).realm, "unterminated") << text;
    }
  }
}

}  // namespace
}  // namespace imgb
