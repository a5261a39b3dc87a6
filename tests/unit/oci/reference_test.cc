#include "core/oci/reference.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

struct Case {
  const char *text, *canonical, *familiar;
};

TEST(Reference, NamesAreNormalisedAsDockerDoes) {
  const std::string digest(64, 'a');
  const Case cases[] = {
      {"busybox", "docker.io/library/busybox", "busybox"},
      {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
      {"docker.io/busybox", "docker.io/library/busybox", "busybox"},
      {"index.docker.io/library/busybox", "docker.io/library/busybox", "busybox"},
      {"user/app", "docker.io/user/app", "user/app"},
      {"library/a/b", "docker.io/library/a/b", "library/a/b"},
      {"docker.io/quay.io/a", "docker.io/quay.io/a", "docker.io/quay.io/a"},
      {"docker.io/localhost/a", "docker.io/localhost/a", "docker.io/localhost/a"},
      {"docker.io/a.b", "docker.io/library/a.b", "a.b"},
      {"localhost/app", "localhost/app", "localhost/app"},
      {"localhost:5000/a/b:t", "localhost:5000/a/b:t", "localhost:5000/a/b:t"},
      {"quay.io/a", "quay.io/a", "quay.io/a"},
      {"[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"},
      {"a__b/c---d/e.f", "docker.io/a__b/c---d/e.f", "a__b/c---d/e.f"},
      {"Host/app", "Host/app", "Host/app"},
      {"host:99999/x", "host:99999/x", "host:99999/x"},
  };
  for (const Case& c : cases) {
    Reference ref = Reference::parse(c.text);
    EXPECT_EQ(ref.canonical(), c.canonical) << c.text;
    EXPECT_EQ(ref.familiar(), c.familiar) << c.text;
    EXPECT_EQ(Reference::parse(ref.familiar()), ref) << c.text;
  }
  EXPECT_EQ(Reference::parse("b:t@sha256:" + digest).canonical(), "docker.io/library/b:t@sha256:" + digest);
}

TEST(Reference, WhatIsNoNameIsRefused_V53) {
  for (const std::string& bad : {std::string(""),
                                 std::string("../../x"),
                                 std::string("a//b"),
                                 std::string("Upper"),
                                 std::string("a/B"),
                                 std::string(300, 'a'),
                                 std::string("x@sha256:zz"),
                                 std::string("x@sha512:abc"),
                                 std::string("x:a/b:"),
                                 std::string("x:"),
                                 std::string("x:-t"),
                                 std::string(64, 'a'),
                                 std::string("-a"),
                                 std::string("a-"),
                                 std::string("a..b"),
                                 std::string("a___b"),
                                 std::string("[::1/x"),
                                 std::string("a.b:port/x"),
                                 std::string("a b"),
                                 std::string("a\nb"),
                                 std::string("x:") + std::string(129, 't')})
    EXPECT_THROW(Reference::parse(bad), Error) << bad;
}

TEST(Reference, TheLimitOfLengthIsThePaths) {
  std::string path = "a/" + std::string(253, 'b');
  EXPECT_EQ(Reference::parse("registry.example.com:5000/" + path).path(), path);
  EXPECT_THROW(Reference::parse("registry.example.com:5000/" + path + "b"), Error);
  EXPECT_THROW(Reference::parse(std::string(248, 'a')), Error) << "library/ counts, as in Docker";
}

TEST(Reference, FirstWordsThatAreDomainsOrAreNot) {
  EXPECT_EQ(Reference::parse("test.com:tag").canonical(), "docker.io/library/test.com:tag");
  EXPECT_EQ(Reference::parse("localhost").canonical(), "docker.io/library/localhost");
  EXPECT_EQ(Reference::parse("test:5000/repo").domain(), "test:5000");
  EXPECT_EQ(Reference::parse("xn--n3h.com/myimage:xn--n3h.com").tag(), "xn--n3h.com");
  EXPECT_EQ(Reference::parse("foo_bar.com:8080").canonical(), "docker.io/library/foo_bar.com:8080");
  EXPECT_EQ(Reference::parse("[2001:db8::1]/repo:tag").domain(), "[2001:db8::1]");
  for (const char* bad : {"[fd00:1:2::3]", "[fe80::1%eth0]:5000/x", "-test.com/x", "test-.com/x", ":justtag",
                          "@sha256:ff", "foo_bar.com:8080/x", "test.com/Upper", "a/-b", "aa/asdf$$^/aa"})
    EXPECT_THROW(Reference::parse(bad), Error) << bad;
}

TEST(Reference, TheDefaultTagIsGivenOnlyWhereNothingPins) {
  EXPECT_EQ(Reference::parse("a").with_default_tag().familiar(), "a:latest");
  EXPECT_EQ(Reference::parse("a:b").with_default_tag().familiar(), "a:b");
  std::string pinned = "a@sha256:" + std::string(64, '0');
  EXPECT_EQ(Reference::parse(pinned).with_default_tag().familiar(), pinned);
}

TEST(Reference, WhatIsNoNameIsFoundOutWithoutAnException) {
  for (const char* bad : {"MyTag", "", "a b", "a:", "a@sha256:1", "-a"}) EXPECT_FALSE(Reference::find(bad)) << bad;
  EXPECT_EQ(Reference::find("busybox:1"), Reference::parse("busybox:1"));
}

}  // namespace
}  // namespace imgb
