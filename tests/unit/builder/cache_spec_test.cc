#include "builder/cache_spec.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

using Type = CacheSpec::Type;

TEST(CacheFrom, IsANameOrSaysItsType) {
  EXPECT_EQ(parse_cache_from("r.example/a").ref->canonical(), "r.example/a:latest");
  EXPECT_EQ(parse_cache_from("type=registry,ref=r.example/a:1").ref->canonical(), "r.example/a:1");
  CacheSpec local = parse_cache_from("type=local,src=/c,tag=ci");
  EXPECT_EQ(local.type, Type::local);
  EXPECT_EQ(local.folder, "/c");
  EXPECT_EQ(local.tag, "ci");
}

TEST(CacheTo, UnderstandsBuildKitsWords) {
  CacheToSpec registry = parse_cache_to(
      "type=registry,ref=r.example/a:c,mode=max,ignore-error=true,compression=zstd,compression-level=3,"
      "image-manifest=true,oci-mediatypes=true");
  EXPECT_EQ(registry.mode, CacheMode::max);
  EXPECT_TRUE(registry.ignore_error);
  EXPECT_EQ(registry.compression, Compression::zstd);
  EXPECT_EQ(registry.level, 3);
  EXPECT_EQ(parse_cache_to("type=inline").type, Type::in_image);
  EXPECT_EQ(parse_cache_to("inline").type, Type::in_image);
  EXPECT_EQ(parse_cache_to("type=local,dest=d").mode, CacheMode::min);
}

TEST(CacheTo, MountsAreAListWithOrWithoutQuotes) {
  std::vector<std::string> want{"pip", "/root/.cache", "apt"};
  EXPECT_EQ(parse_cache_to("type=local,mounts=pip,/root/.cache,apt,dest=d").mounts, want);
  EXPECT_EQ(parse_cache_to("type=local,dest=d,mounts=pip,mounts=/root/.cache,mounts=apt").mounts, want);
}

TEST(CacheFlags, RefuseWhatTheyDoNotKnow) {
  for (const char* bad : {"", "type=registry", "type=local", "type=inline", "type=gha", "type=local,src=d,ref=x",
                          "type=registry,ref=X", "ref=x,srcc=y", "type=registry,ref=x,src=d", "type=local,src=d,tag=-",
                          "type=local,src=d,digest=1", "a,b", "type=registry,ref=\"x"})
    EXPECT_THROW(parse_cache_from(bad), Error) << bad;
  for (const char* bad : {"type=inline,mode=max", "type=inline,mounts=a", "type=local,dest=d,mode=some",
                          "type=local,dest=d,compression=xz", "type=local,dest=d,compression-level=10",
                          "type=local,dest=d,force-compression=true", "type=local,dest=d,image-manifest=false",
                          "type=local,dest=d,ignore-error=perhaps"})
    EXPECT_THROW(parse_cache_to(bad), Error) << bad;
}

}  // namespace
}  // namespace imgb
