#include "cli/run_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

using testing::ElementsAre;

ImageConfig image_with(std::optional<std::vector<std::string>> entrypoint,
                       std::optional<std::vector<std::string>> cmd) {
  ImageConfig image;
  image.config.entrypoint = std::move(entrypoint);
  image.config.cmd = std::move(cmd);
  return image;
}

std::vector<std::string> argv_of(const RunFlags& flags, const std::vector<std::string>& command,
                                 const ImageConfig& image) {
  return make_run_request(flags, command, image, {}).argv;
}

TEST(RunRequest, WordsAfterTheImageReplaceItsCommand) {
  ImageConfig image = image_with({{"/entry"}}, {{"a", "b"}});
  EXPECT_THAT(argv_of({}, {}, image), ElementsAre("/entry", "a", "b"));
  EXPECT_THAT(argv_of({}, {"x"}, image), ElementsAre("/entry", "x"));
}

TEST(RunRequest, AnEntrypointOfTheUsersDropsTheImagesCommand) {
  ImageConfig image = image_with({{"/entry"}}, {{"a"}});
  RunFlags flags;
  flags.entrypoint = "sh";
  EXPECT_THAT(argv_of(flags, {}, image), ElementsAre("sh"));
  EXPECT_THAT(argv_of(flags, {"-c", "x"}, image), ElementsAre("sh", "-c", "x"));
  flags.entrypoint = "";
  EXPECT_THAT(argv_of(flags, {"x"}, image), ElementsAre("x"));
}

TEST(RunRequest, NoCommandAtAllIsAnError) { EXPECT_THROW(argv_of({}, {}, image_with({}, {})), Error); }

TEST(RunRequest, VariablesComeFromTheImageThenTheFlags) {
  ImageConfig image = image_with({}, {{"x"}});
  image.config.env = {"A=image", "B=image", "PATH=/bin"};
  RunFlags flags;
  flags.env = {"A=flag", "HOST_SET", "HOST_UNSET", "B"};
  auto env = make_run_request(flags, {}, image, {"HOST_SET=yes", "C=other"}).env;
  EXPECT_THAT(env, ElementsAre("A=flag", "PATH=/bin", "HOST_SET=yes"));
}

TEST(RunRequest, PathHasADefault) {
  auto env = make_run_request({}, {}, image_with({}, {{"x"}}), {}).env;
  EXPECT_THAT(env, ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
}

TEST(RunRequest, SurvivesItsWayToTheSupervisor) {
  RunFlags flags;
  flags.volumes = {"/a:/b:ro", "data:/c"};
  flags.tmpfs = {"/t:size=1m,mode=700"};
  flags.ports = {"8080:80/udp"};
  flags.add_hosts = {"h:1.2.3.4"};
  flags.memory = 5;
  flags.cpus = "1.5";
  flags.ulimits = {"nofile=1:2"};
  flags.tty = flags.read_only = true;
  flags.user = "u:g";
  flags.drop_capabilities = {"ALL"};
  RunRequest request = make_run_request(flags, {"x\xff"}, image_with({}, {}), {});
  request.manifest_digest = "sha256:abc";
  EXPECT_EQ(render(parse_run_request(render(request))), render(request));
  EXPECT_EQ(parse_run_request(render(request)).volumes, request.volumes);
}

TEST(Volume, IsAFolderOrAName) {
  VolumeRequest folder = parse_volume("./src:/dst:ro", "/here");
  EXPECT_EQ(folder.source, "/here/src");
  EXPECT_TRUE(folder.read_only && folder.make_source);
  EXPECT_EQ(parse_volume("data:/dst", "/").kind, VolumeRequest::Kind::named);
  for (const char* bad : {"", "x", ":/x", "/a:b", "/a:/", "/a:/b:wat", "/a:/../", "a:b:c:d"})
    EXPECT_THROW(parse_volume(bad, "/"), Error) << bad;
}

TEST(Mount, TakesDockersKeys) {
  VolumeRequest bind = parse_mount_flag("type=bind,src=/a,dst=/b,ro", "/");
  EXPECT_EQ(bind.kind, VolumeRequest::Kind::folder);
  EXPECT_TRUE(bind.read_only);
  EXPECT_FALSE(bind.make_source);
  EXPECT_EQ(parse_mount_flag("type=tmpfs,dst=/t,tmpfs-size=2k", "/").size_bytes, 2048u);
  EXPECT_THROW(parse_mount_flag("type=bind,dst=/b", "/"), Error);
  EXPECT_THROW(parse_mount_flag("type=bind,src=/a,dst=/b,wat=1", "/"), Error);
}

TEST(EnvFile, TakesLinesAsDockerDoes) {
  auto env = parse_env_file("# c\n\nA=1\n  B=two words \r\nHOST\nGONE\n", "f", {"HOST=h"});
  EXPECT_THAT(env, ElementsAre("A=1", "B=two words ", "HOST=h"));
  EXPECT_THROW(parse_env_file("A B=1\n", "f", {}), Error);
  EXPECT_THROW(parse_env_file("=1\n", "f", {}), Error);
}

}  // namespace
}  // namespace imgb
