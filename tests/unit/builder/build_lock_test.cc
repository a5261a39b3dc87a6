#include "builder/build_lock.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

BuildLock::Image image(const std::string& name, const std::string& platform) {
  Reference reference = Reference::parse(name).with_default_tag();
  return {reference, Platform::parse(platform), reference.with_digest(Digest::of(name + platform))};
}

BuildLock example() {
  return {.images = {image("r.example/b:2", "linux/arm64"), image("a", "linux/amd64"), image("a", "linux/amd64")},
          .urls = {{"https://b.example/", Digest::of("b"), 7, 5}, {"https://a.example/", Digest::of("a"), 0, {}}},
          .contexts = {{"", Digest::of("c")}}};
}

TEST(BuildLock, IsSortedAndSaysThingsOnce) {
  BuildLock turned = example();
  std::reverse(turned.images.begin(), turned.images.end());
  std::reverse(turned.urls.begin(), turned.urls.end());
  EXPECT_EQ(render_lock(turned), render_lock(example()));
  BuildLock back = parse_lock(render_lock(example()));
  ASSERT_EQ(back.images.size(), 2u);
  EXPECT_EQ(back.images[0].name.canonical(), "docker.io/library/a:latest");
  EXPECT_EQ(back.urls[0].url, "https://a.example/");
  EXPECT_EQ(render_lock(back), render_lock(example()));
}

TEST(BuildLock, ImagesAreFoundByNameAndPlatform) {
  BuildLock lock = parse_lock(render_lock(example()));
  Reference a = Reference::parse("a");
  ASSERT_TRUE(lock.find_image(a, Platform::parse("linux/amd64")));
  EXPECT_EQ(lock.find_image(a, Platform::parse("linux/amd64"))->image.canonical(),
            "docker.io/library/a:latest@" + Digest::of("alinux/amd64").str());
  EXPECT_FALSE(lock.find_image(a, Platform::parse("linux/arm64")));
  EXPECT_FALSE(lock.find_image(Reference::parse("a:2"), Platform::parse("linux/amd64")));
  EXPECT_EQ(lock.find_url("https://b.example/")->modified, 5);
  EXPECT_FALSE(lock.find_url("https://b.example"));
}

TEST(BuildLock, RefusesWhatItIsNot) {
  for (const char* bad :
       {"", "[]", "{}", R"({"imgbLock":2})", R"({"imgbLock":1,"images":{}})", R"({"imgbLock":1,"images":[1]})",
        R"({"imgbLock":1,"images":[{"name":"a","platform":"linux/amd64","image":"a:1"}]})",
        R"({"imgbLock":1,"images":[{"name":"A","platform":"linux/amd64","image":"a@sha256:0"}]})",
        R"({"imgbLock":1,"urls":[{"url":"https://x"}]})", R"({"imgbLock":1,"contexts":[{"name":"x"}]})"})
    EXPECT_THROW(parse_lock(bad), Error) << bad;
}

}  // namespace
}  // namespace imgb
