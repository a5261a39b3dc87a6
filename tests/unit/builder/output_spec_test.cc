#include "builder/output_spec.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

using Type = OutputSpec::Type;

TEST(OutputSpec, ShortForms) {
  EXPECT_EQ(parse_output("out").type, Type::local);
  EXPECT_EQ(parse_output("out").dest, "out");
  EXPECT_EQ(parse_output("-").type, Type::tar);
  EXPECT_TRUE(parse_output("-").to_stdout());
}

TEST(OutputSpec, LongForm) {
  auto spec = parse_output(
      R"(type=oci,"dest=a,b.tar",compression=zstd,compression-level=3,force-compression=true,"name=x,y:1")");
  EXPECT_EQ(spec.type, Type::oci);
  EXPECT_EQ(spec.dest, "a,b.tar");
  EXPECT_EQ(spec.compression, Compression::zstd);
  EXPECT_EQ(spec.level, 3);
  EXPECT_TRUE(spec.force_compression);
  ASSERT_EQ(spec.names.size(), 2u);
  EXPECT_EQ(spec.names[0].canonical(), "docker.io/library/x:latest");
  EXPECT_FALSE(parse_output("type=oci,dest=d,tar=false").archive);
}

TEST(OutputSpec, ALevelAloneIsGzips) {
  EXPECT_EQ(parse_output("type=oci,dest=d,compression-level=9").compression, Compression::gzip);
  EXPECT_EQ(parse_output("type=oci,dest=d,compression-level=19,compression=zstd").compression, Compression::zstd);
  EXPECT_EQ(parse_output("type=oci,dest=d").compression, std::nullopt);
}

TEST(OutputSpec, WhatDockersScriptsSayIsUnderstood) {
  EXPECT_TRUE(parse_output("type=local,dest=d,platform-split=true").platform_split);
  EXPECT_FALSE(parse_output("type=tar,dest=d,platform-split=False").platform_split);
  EXPECT_EQ(parse_output("type=oci,dest=d,rewrite-timestamp=true").rewrite_timestamp, true);
  EXPECT_EQ(parse_output("type=oci,dest=d,rewrite-timestamp=0").rewrite_timestamp, false);
  EXPECT_EQ(parse_output("type=oci,dest=d").rewrite_timestamp, std::nullopt);
}

TEST(OutputSpec, AnImageIsPushedStoredOrBoth) {
  auto registry = parse_output("type=registry,name=r.example/a,compression=zstd");
  EXPECT_EQ(registry.type, Type::image);
  EXPECT_TRUE(registry.push);
  EXPECT_FALSE(registry.store);
  EXPECT_EQ(registry.compression, Compression::zstd);
  auto both = parse_output("type=image,push=true,push-by-digest=true,name=r.example/a");
  EXPECT_TRUE(both.push && both.store && both.push_by_digest);
  EXPECT_FALSE(parse_output("type=image").push);
  for (const char* bad : {"type=oci,dest=x,push=true", "type=image,store=false", "type=image,push-by-digest=true",
                          "type=registry,push=false", "type=registry,push=maybe"})
    EXPECT_THROW(parse_output(bad), Error) << bad;
}

TEST(OutputSpec, RefusesWhatItDoesNotKnow) {
  for (const char* bad : {"", "type=", "type=zip,dest=x", "type=oci,tar=false", "type=local", "type=local,dest=-",
                          "type=tar,dest=x,comprssion=gzip", "type=oci,dest=x,compression=xz",
                          "type=oci,dest=x,compression=zstd,oci-mediatypes=false", "type=oci,dest=-,tar=false",
                          "dest=x,name=y", "type=oci,\"dest=x", "type=oci,dest=x,compression-level=10",
                          "type=oci,dest=x,platform-split=true", "type=local,dest=x,platform-split=maybe"}) {
    EXPECT_THROW(parse_output(bad), Error) << bad;
  }
}

TEST(OutputSpec, SuggestsTheNearestWord) {
  try {
    parse_output("type=dcoker,dest=x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean docker?"), std::string::npos);
  }
}

}  // namespace
}  // namespace imgb
