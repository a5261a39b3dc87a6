#include "registry/url.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(Url, PartsAreNormalised) {
  Url url = Url::parse("HTTPS://Registry.Example.COM:5000/v2/x?n=1#frag");
  EXPECT_EQ(url.origin, (Origin{"https", "registry.example.com", 5000}));
  EXPECT_EQ(url.target, "/v2/x?n=1");
  EXPECT_EQ(url.str(), "https://registry.example.com:5000/v2/x?n=1");
  EXPECT_EQ(Url::parse("http://a").str(), "http://a/");
  EXPECT_EQ(Url::parse("http://a?x").str(), "http://a/?x");
  EXPECT_EQ(Url::parse("https://a:443/").origin.str(), "https://a");
  EXPECT_EQ(Url::parse("http://[::1]:5000/").origin, (Origin{"http", "::1", 5000}));
  EXPECT_EQ(Url::parse("http://[::1]:5000/").str(), "http://[::1]:5000/");
}

TEST(Url, BytesThatMayNotAppearAreEncoded) {
  EXPECT_EQ(Url::parse("http://a/b c\xc3\xa9\"").target, "/b%20c%C3%A9%22");
}

TEST(Url, UserInfoIsKeptApartAndNeverShown) {
  Url url = Url::parse("https://bob:p%40ss@host/x?sig=1");
  EXPECT_EQ(url.user_info, "bob:p@ss");
  EXPECT_EQ(url.str(), "https://host/x?sig=1");
  EXPECT_EQ(url.redacted(), "https://host/x");
  try {
    Url::parse("ftp://bob:hunter2@host/");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("hunter2"), std::string::npos) << e.what();
  }
}

TEST(Url, OtherSchemesAndBadHostsAreRefused) {
  for (const char* bad : {"",
                          "x",
                          "/x",
                          "file:///etc/shadow",
                          "ftp://a/",
                          "gopher://a/",
                          "http://",
                          "http:///x",
                          "http://a b/",
                          "http://a:0/",
                          "http://a:65536/",
                          "http://a:x/",
                          "http://a:/",
                          "http://[::1/",
                          "http://[zz]/",
                          "http://a\r\nb/",
                          "http://a/\r\nX: y",
                          "http://a/\t",
                          "http://../x",
                          "http://.a/",
                          "http://a%2eb/",
                          "http://a\\b/"}) {
    EXPECT_EQ(Url::find(bad), std::nullopt) << bad;
    EXPECT_THROW(Url::parse(bad), Error) << bad;
  }
}

TEST(Url, NothingHidesBehindANulInAnAddress) {
  EXPECT_EQ(Url::find(std::string_view("http://[::1\0\r\nX: y]/", 20)), std::nullopt);
  EXPECT_EQ(find_origin("https", std::string_view("[::1\0]", 6)), std::nullopt);
}

TEST(Url, LocationsResolveAgainstTheirBase) {
  Url base = Url::parse("https://r.example/v2/a/b?q=1");
  struct {
    const char *location, *want;
  } cases[] = {
      {"https://cdn.example/x", "https://cdn.example/x"},
      {"//cdn.example/x", "https://cdn.example/x"},
      {"/y?z", "https://r.example/y?z"},
      {"c", "https://r.example/v2/a/c"},
      {"../c", "https://r.example/v2/c"},
      {"../../../../c", "https://r.example/c"},
      {"./", "https://r.example/v2/a/"},
      {"?n=2", "https://r.example/v2/a/b?n=2"},
      {"#f", "https://r.example/v2/a/b?q=1"},
      {"a?u=http://x/", "https://r.example/v2/a/a?u=http://x/"},
  };
  for (auto& c : cases) EXPECT_EQ(resolve(base, c.location).str(), c.want) << c.location;
  EXPECT_THROW(resolve(base, "file:///etc/shadow"), Error);
  EXPECT_THROW(resolve(base, "javascript:x"), Error);
}

TEST(Url, PercentCodingIsReversible) {
  EXPECT_EQ(percent_encode("a b&c=#\r\n"), "a%20b%26c%3D%23%0D%0A");
  EXPECT_EQ(percent_decode(percent_encode("\x01 \xff/+")), "\x01 \xff/+");
  EXPECT_EQ(percent_decode("%2"), std::nullopt);
  EXPECT_EQ(percent_decode("%zz"), std::nullopt);
}

}  // namespace
}  // namespace imgb
