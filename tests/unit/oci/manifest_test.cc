#include "core/oci/manifest.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string manifest_text(const std::string& extra = "") {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
         kDigest + R"(","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":")" +
         kDigest + R"(","size":3}])" + extra + "}";
}

TEST(Manifest, ReadsAndWritesTheSameBytes) {
  EXPECT_EQ(render(parse_image_manifest(manifest_text(), "")), manifest_text());
}

TEST(Manifest, AmbiguousDocumentsAreRefused_V57) {
  EXPECT_THROW(parse_manifest(manifest_text(R"(,"manifests":[])"), ""), Error);
  EXPECT_THROW(parse_manifest(manifest_text(R"(,"fsLayers":[])"), ""), Error);
  EXPECT_THROW(parse_manifest(manifest_text(R"(,"layers":[])"), ""), Error) << "duplicate key";
  EXPECT_THROW(parse_manifest(manifest_text(), media_type::kDockerManifest), Error) << "declared as another type";
  EXPECT_THROW(parse_manifest(R"({"schemaVersion":1,"name":"x"})", ""), Error);
}

TEST(Manifest, AbusiveJsonIsRefused_V58) {
  EXPECT_THROW(parse_manifest(std::string(1'000'000, '['), ""), Error);
  EXPECT_THROW(parse_manifest(manifest_text(",\"x\":\"" + std::string(kMaxManifestBytes, 'x') + "\""), ""), Error);
  EXPECT_THROW(parse_manifest("{\"schemaVersion\":NaN}", ""), Error);
  std::string many = "0";
  for (int i = 0; i < 300'000; ++i) many += ",{}";
  try {
    parse_manifest(manifest_text(",\"x\":[" + many + "]"), "");
    ADD_FAILURE() << "values without end are read";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("values"), std::string::npos) << e.what();
  }
  EXPECT_THROW(parse_manifest(manifest_text(",\"annotations\":{\"a\":\"\xff\"}"), ""), Error);
}

TEST(Manifest, DigestsThatAreNoDigestsAreRefused_V54) {
  for (const char* bad : {"sha256:../../../../tmp/pwn", "sha256+x:aa", "sha256:AAAA", ""}) {
    std::string text = manifest_text();
    text.replace(text.find(kDigest), kDigest.size(), bad);
    EXPECT_THROW(parse_manifest(text, ""), Error) << bad;
  }
}

Index index_of(std::vector<std::string> platforms) {
  Index index{.media_type = std::string(media_type::kOciIndex)};
  for (std::size_t i = 0; i < platforms.size(); ++i) {
    Descriptor d{.media_type = std::string(media_type::kOciManifest),
                 .digest = Digest::of(platforms[i] + std::to_string(i)),
                 .size_bytes = 1};
    if (platforms[i] == "unknown/unknown")
      d.platform = Platform{.os = "unknown", .architecture = "unknown"};
    else
      d.platform = Platform::parse(platforms[i]);
    index.manifests.push_back(d);
  }
  return index;
}

TEST(Manifest, TheBestPlatformIsChosen) {
  Index index = index_of({"unknown/unknown", "linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/arm64"});
  auto chosen = [&](const char* want) { return choose_platform(index, Platform::parse(want)).platform->str(); };
  EXPECT_EQ(chosen("linux/amd64"), "linux/amd64");
  EXPECT_EQ(chosen("linux/arm64/v8"), "linux/arm64");
  EXPECT_EQ(chosen("linux/arm/v6"), "linux/arm/v6");
  EXPECT_EQ(chosen("linux/arm"), "linux/arm/v7");
  EXPECT_EQ(chosen("linux/amd64/v3"), "linux/amd64");
  try {
    chosen("linux/s390x");
    FAIL() << "something was chosen";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::not_found);
    EXPECT_NE(std::string(e.what()).find("linux/arm64"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace imgb
