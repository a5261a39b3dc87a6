#include "registry/token.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

using std::chrono::seconds;

TEST(Token, BothSpellingsAreReadAndLifetimesBounded) {
  EXPECT_EQ(parse_token(R"({"token":"abc"})").text, "abc");
  EXPECT_EQ(parse_token(R"({"access_token":"abc","expires_in":300})").lifetime, seconds(300));
  EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":1})").lifetime, seconds(60));
  EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":-99999})").lifetime, seconds(60));
  EXPECT_EQ(parse_token(R"({"token":"abc","expires_in":999999999999})").lifetime, seconds(24 * 3600));
}

TEST(Token, WhatIsNoTokenIsCorrupt) {
  for (const char* bad : {"", "{}", "[]", R"({"token":""})", R"({"token":7})", R"({"token":"a\r\nX: y"})",
                          R"({"token":"a b"})", "<html>"}) {
    EXPECT_THROW(parse_token(bad), Error) << bad;
  }
  EXPECT_THROW(parse_token(R"({"token":")" + std::string(60'000, 'x') + "\"}"), Error);
}

TEST(Token, V62_ServiceAndScopeCannotBreakOutOfTheQuery) {
  Url url = token_url(Url::parse("https://a/token?x=1"), "s&admin=1#\r\n", "repository:r:pull", "bob");
  EXPECT_EQ(url.str(), "https://a/token?x=1&service=s%26admin%3D1%23%0D%0A&scope=repository%3Ar%3Apull&account=bob");
}

TEST(TokenCache, V63_ATokenIsGoodForItsOwnKeyOnlyAndForItsTime) {
  TokenCache cache;
  TokenCache::Time start{};
  Origin registry{"https", "r", 443}, other{"https", "s", 443};
  TokenKey key{registry, "https://a/t", "svc", "repository:x:pull"};
  cache.put(key, {"tok", seconds(60)}, start);
  EXPECT_EQ(cache.find(key, start), "tok");
  EXPECT_EQ(cache.find(key, start + seconds(60)), std::nullopt);
  for (TokenKey wrong : {TokenKey{other, "https://a/t", "svc", "repository:x:pull"},
                         TokenKey{registry, "https://b/t", "svc", "repository:x:pull"},
                         TokenKey{registry, "https://a/t", "svc2", "repository:x:pull"},
                         TokenKey{registry, "https://a/t", "svc", "repository:y:pull"}}) {
    EXPECT_EQ(cache.find(wrong, start), std::nullopt);
  }
}

}  // namespace
}  // namespace imgb
