#include "registry/registries_conf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

std::vector<std::string> places(const RegistriesConf& conf, std::string_view name) {
  std::vector<std::string> out;
  for (const Endpoint& e : endpoints_for(Reference::parse(name), conf)) {
    out.push_back((e.mirror ? "mirror " : "") + e.name() + (e.insecure ? " insecure" : ""));
  }
  return out;
}
RegistriesConf conf(std::string_view text) {
  RegistriesConf out;
  out.add(text, "test.conf");
  return out;
}
using testing::ElementsAre;

TEST(RegistriesConf, WithoutRulesANameSaysWhereItIs) {
  EXPECT_THAT(places({}, "busybox"), ElementsAre("registry-1.docker.io/library/busybox"));
  EXPECT_THAT(places({}, "quay.io/a/b:1"), ElementsAre("quay.io/a/b"));
  EXPECT_THAT(places({}, "localhost:5000/x"), ElementsAre("localhost:5000/x"));
}

TEST(RegistriesConf, MirrorsComeFirstInOrder) {
  auto c = conf(R"(
unqualified-search-registries = ["quay.io"]
short-name-mode = "enforcing"
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "127.0.0.1:5000"
insecure = true
[[registry.mirror]]
location = "mirror.example/hub"
)");
  EXPECT_THAT(places(c, "python:3.11-slim"),
              ElementsAre("mirror 127.0.0.1:5000/library/python insecure", "mirror mirror.example/hub/library/python",
                          "registry-1.docker.io/library/python"));
  EXPECT_THAT(places(c, "quay.io/x/y"), ElementsAre("quay.io/x/y"));
}

TEST(RegistriesConf, TheLongestPrefixWinsAndStopsAtAPathBoundary) {
  auto c = conf(R"(
[[registry]]
location = "example.com"
[[registry]]
prefix = "example.com/foo"
location = "internal.example/bar"
insecure = true
[[registry]]
prefix = "*.example.com"
blocked = true
)");
  EXPECT_THAT(places(c, "example.com/foo/app:1"), ElementsAre("internal.example/bar/app insecure"));
  EXPECT_THAT(places(c, "example.com/foobar/app"), ElementsAre("example.com/foobar/app"));
  EXPECT_THAT(places(c, "example.com:5000/foo/app"), ElementsAre("example.com:5000/foo/app"));
  EXPECT_THAT(places(c, "example.com.evil/foo"), ElementsAre("example.com.evil/foo"));
  EXPECT_THROW(places(c, "sub.example.com/x"), Error);
  EXPECT_THAT(places(c, "other.io/sub.example.com/x"), ElementsAre("other.io/sub.example.com/x"));
}

TEST(RegistriesConf, BlockedIsDeniedBeforeAnythingIsAsked) {
  auto c = conf("[[registry]]\nlocation = \"docker.io\"\nblocked = true\n");
  try {
    places(c, "busybox");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::denied);
    EXPECT_STREQ(e.what(), "busybox: registries.conf blocks docker.io");
  }
}

TEST(RegistriesConf, MirrorsMayServeDigestsOrTagsOnly) {
  auto c = conf(R"(
[[registry]]
location = "r.example"
[[registry.mirror]]
location = "d.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "t.example"
pull-from-mirror = "tag-only"
)");
  std::string digest = "r.example/x@sha256:" + std::string(64, 'a');
  EXPECT_THAT(places(c, "r.example/x:1"), ElementsAre("mirror t.example/x", "r.example/x"));
  EXPECT_THAT(places(c, digest), ElementsAre("mirror d.example/x", "r.example/x"));
}

TEST(RegistriesConf, ADropInReplacesARuleForTheSamePrefix) {
  RegistriesConf c;
  c.add("[[registry]]\nlocation = \"r.example\"\ninsecure = true\n", "registries.conf");
  c.add("[[registry]]\nlocation = \"r.example\"\n[[registry]]\nlocation=\"s.example\"\n", "50-site.conf");
  EXPECT_EQ(c.rules().size(), 2u);
  EXPECT_THAT(places(c, "r.example/x"), ElementsAre("r.example/x"));
}

TEST(RegistriesConf, MistakesNameTheFile) {
  for (const char* bad :
       {"[[registry]\n", "[[registry]]\ninsecure=true\n", "[[registry]]\nlocation=\"http://x\"\n",
        "[[registry]]\nlocation=\"x\"\n[[registry.mirror]]\ninsecure=true\n",
        "[[registry]]\nprefix=\"*.x.com\"\nlocation=\"y\"\n",
        "[[registry]]\nlocation=\"x\"\n[[registry.mirror]]\nlocation=\"m\"\npull-from-mirror=\"no\"\n"}) {
    try {
      conf(bad);
      FAIL() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_EQ(std::string(e.what()).rfind("test.conf", 0), 0u) << e.what();
    }
  }
}

}  // namespace
}  // namespace imgb
