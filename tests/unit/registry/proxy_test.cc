#include "registry/proxy.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

std::optional<std::string> proxy(const char* no_proxy, const char* url) {
  return find_proxy({"http://p:1", "http://q:2", no_proxy}, Url::parse(url).origin);
}

TEST(Proxy, SchemesHaveTheirOwnAndLoopbackHasNone) {
  EXPECT_EQ(proxy("", "http://a/"), "http://p:1");
  EXPECT_EQ(proxy("", "https://a/"), "http://q:2");
  EXPECT_EQ(proxy("", "http://localhost:5000/"), std::nullopt);
  EXPECT_EQ(proxy("", "http://127.0.0.1/"), std::nullopt);
  EXPECT_EQ(find_proxy({"", "", ""}, Url::parse("http://a/").origin), std::nullopt);
}

TEST(Proxy, NoProxyNamesHostsDomainsPortsAndBlocks) {
  struct {
    const char *no_proxy, *url;
    bool direct;
  } cases[] = {
      {"*", "http://a/", true},
      {"example.com", "http://example.com/", true},
      {"example.com", "http://x.example.com/", true},
      {"example.com", "http://notexample.com/", false},
      {".example.com", "http://example.com/", false},
      {".example.com", "http://x.example.com/", true},
      {"*.example.com", "http://x.example.com/", true},
      {"x , EXAMPLE.com", "http://example.com/", true},
      {"example.com:8080", "http://example.com:8080/", true},
      {"example.com:8080", "http://example.com/", false},
      {"10.0.0.0/8", "http://10.9.8.7/", true},
      {"10.0.0.0/8", "http://11.9.8.7/", false},
      {"192.168.4.0/22", "http://192.168.7.9/", true},
      {"192.168.4.0/22", "http://192.168.8.9/", false},
      {"10.1.2.3", "http://10.1.2.3:99/", true},
      {"fd00::/8", "http://[fd12::1]/", true},
      {"10.0.0.0/99,bad/8,,", "http://10.0.0.1/", false},
  };
  for (auto& c : cases) EXPECT_EQ(!proxy(c.no_proxy, c.url), c.direct) << c.no_proxy << " " << c.url;
}

}  // namespace
}  // namespace imgb
