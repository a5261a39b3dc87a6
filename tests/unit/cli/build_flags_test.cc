#include "cli/build_flags.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

TEST(SecretFlag, BareIdIsTheVariableOfThatNameIfThereIsOne) {
  EXPECT_EQ(parse_secret_flag("id=TOKEN", {"TOKEN=x"}).from, SecretFlag::From::variable);
  SecretFlag file = parse_secret_flag("id=TOKEN", {});
  EXPECT_EQ(file.from, SecretFlag::From::file);
  EXPECT_EQ(file.source, "TOKEN");
}

TEST(SecretFlag, NamesItsSource) {
  EXPECT_EQ(parse_secret_flag("id=a,src=f", {}).source, "f");
  EXPECT_EQ(parse_secret_flag("id=a,env=V", {}).source, "V");
  EXPECT_EQ(parse_secret_flag("type=env,id=a,src=V", {}).from, SecretFlag::From::variable);
  EXPECT_EQ(parse_secret_flag("type=file,id=A", {"A=x"}).from, SecretFlag::From::file);
  EXPECT_EQ(parse_secret_flag("id=a,\"src=f,g\"", {}).source, "f,g");
  for (const char* bad : {"src=f", "id=a,wat=b", "id=a,src=f,env=V", "id"})
    EXPECT_THROW(parse_secret_flag(bad, {}), Error) << bad;
}

TEST(Outputs, PushSendsTheImageOfEveryNameAndKeepsIt) {
  BuildFlags flags;
  flags.push = true;
  EXPECT_THROW(make_outputs(flags), Error) << "there is no name";
  flags.tags = {"r.example/a", "r.example/b:2"};
  auto outputs = make_outputs(flags);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_TRUE(outputs[0].push && outputs[0].store);
  ASSERT_EQ(outputs[0].names.size(), 2u);
  EXPECT_EQ(outputs[0].names[0].canonical(), "r.example/a:latest");

  flags.outputs = {"type=oci,dest=x.tar", "type=registry,name=r.example/c,compression=zstd"};
  outputs = make_outputs(flags);
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_FALSE(outputs[0].push);
  EXPECT_TRUE(outputs[1].push && outputs[1].store);
  EXPECT_EQ(outputs[1].names.size(), 3u);
}

TEST(Outputs, ARegistryIsNotTheStoreUnlessItIsAskedFor) {
  BuildFlags flags;
  flags.outputs = {"type=registry,name=r.example/c"};
  EXPECT_FALSE(make_outputs(flags)[0].store);
  flags.load = true;
  EXPECT_TRUE(make_outputs(flags)[0].store);
  flags.outputs = {"type=registry"};
  EXPECT_THROW(make_outputs(flags), Error);
}

TEST(SshFlag, IsAnIdAndPerhapsASocketOrKeys) {
  EXPECT_TRUE(parse_ssh_flag("default").paths.empty());
  EXPECT_EQ(parse_ssh_flag("k=/s").id, "k");
  EXPECT_EQ(parse_ssh_flag("k=/s").paths, std::vector<std::string>{"/s"});
  EXPECT_EQ(parse_ssh_flag("k=/a,/b").paths, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_THROW(parse_ssh_flag(""), Error);
  EXPECT_THROW(parse_ssh_flag("=/s"), Error);
}

TEST(AnnotationFlag, IsForTheManifestUnlessItSaysOtherwise) {
  EXPECT_EQ(parse_annotation_flag("k=v").first, "k");
  EXPECT_EQ(parse_annotation_flag("manifest:k=v").first, "k");
  EXPECT_EQ(parse_annotation_flag("manifest[linux/amd64]:k=v").first, "k");
  EXPECT_EQ(parse_annotation_flag("a:b=c=d").first, "a:b");
  EXPECT_EQ(parse_annotation_flag("a=c=d").second, "c=d");
  EXPECT_THROW(parse_annotation_flag("index:k=v"), Error);
  EXPECT_THROW(parse_annotation_flag("k"), Error);
}

TEST(BuildRequest, ArgumentsWithoutAValueComeFromTheEnvironment) {
  BuildFlags flags;
  flags.build_args = {"A=1", "B", "C", "D="};
  auto args = make_build_request(flags, {"B=env", "HTTP_PROXY=p", "SOURCE_DATE_EPOCH=5"}).build_args;
  EXPECT_EQ(args, (std::map<std::string, std::string>{
                      {"A", "1"}, {"B", "env"}, {"D", ""}, {"HTTP_PROXY", "p"}, {"SOURCE_DATE_EPOCH", "5"}}));
}

TEST(BuildRequest, PullSaysHowToAskForBaseImages) {
  BuildFlags flags;
  EXPECT_EQ(make_build_request(flags, {}).pull, PullPolicy::missing);
  flags.pull = "true";
  EXPECT_EQ(make_build_request(flags, {}).pull, PullPolicy::always);
  flags.pull = "never";
  EXPECT_EQ(make_build_request(flags, {}).pull, PullPolicy::never);
}

TEST(BuildRequest, WhatIsNotThereIsRefusedByName) {
  for (auto change : {+[](BuildFlags& f) { f.provenance = "true"; }, +[](BuildFlags& f) { f.sbom = "true"; },
                      +[](BuildFlags& f) { f.platform = "linux/amd64,linux/arm64"; },
                      +[](BuildFlags& f) { f.allow = {"wat"}; }, +[](BuildFlags& f) { f.network = "wat"; }}) {
    BuildFlags flags;
    change(flags);
    EXPECT_THROW(make_build_request(flags, {}), Error);
  }
}

}  // namespace
}  // namespace imgb
