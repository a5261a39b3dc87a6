#include "core/oci/platform.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(Platform, OneWordIsASystemOrAnArchitecture) {
  EXPECT_EQ(Platform::parse("arm64").str(), "linux/arm64");
  EXPECT_EQ(Platform::parse("aarch64").str(), "linux/arm64");
  EXPECT_EQ(Platform::parse("windows").os, "windows");
  EXPECT_EQ(Platform::parse("armhf").str(), "linux/arm/v7");
  for (const char* bad : {"x", "linx", "", "linux/", "a/b/c/d"}) EXPECT_THROW(Platform::parse(bad), Error) << bad;
}

TEST(Platform, VariantsThatNoProcessorHasAreNoReasonToOverflow) {
  Platform want = Platform::parse("linux/arm/v7");
  for (const char* variant : {"v2147483648", "v99999999999999999999", "v", "v77", "vx"}) {
    Platform have{.os = "linux", .architecture = "arm", .variant = variant};
    EXPECT_FALSE(match_rank(want, have)) << variant;
    EXPECT_FALSE(match_rank({.os = "linux", .architecture = "amd64", .variant = ""},
                            {.os = "linux", .architecture = "arm", .variant = variant}))
        << variant;
  }
  EXPECT_EQ(match_rank(want, Platform::parse("linux/arm/v6")), 1);
}

}  // namespace
}  // namespace imgb
