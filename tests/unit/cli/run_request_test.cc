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
  flags.volumes = {"/a:/b:ro", "data:/c:nocopy", "/d"};
  flags.tmpfs = {"/t:size=1m,mode=700,uid=5,gid=6"};
  flags.ports = {"8080:80/udp"};
  flags.add_hosts = {"h:1.2.3.4"};
  flags.memory = 5;
  flags.cpus = "1.5";
  flags.ulimits = {"nofile=1:2"};
  flags.tty = flags.read_only = true;
  flags.user = "u:g";
  flags.drop_capabilities = {"ALL"};
  RunRequest request = make_run_request(flags, {"x\xff"}, image_with({}, {}), {});
  request.image = Descriptor{.media_type = "t", .digest = Digest::of("x"), .size_bytes = 5};
  EXPECT_EQ(render(parse_run_request(render(request))), render(request));
  EXPECT_EQ(parse_run_request(render(request)).argv, std::vector<std::string>{"x\xff"});
  EXPECT_EQ(parse_run_request(render(request)).volumes, request.volumes);
  EXPECT_EQ(parse_run_request(render(request)).image, request.image);
}

TEST(RunRequest, VolumesOfTheImageAreThereUnlessTheUserHasAnother) {
  ImageConfig image = image_with({}, {});
  image.config.volumes = {"/data/", "/cache", "/"};
  RunFlags flags;
  flags.volumes = {"keep:/cache"};
  RunRequest request = make_run_request(flags, {"x"}, image, {});
  ASSERT_EQ(request.volumes.size(), 2u);
  EXPECT_EQ(request.volumes[0].source, "keep");
  EXPECT_EQ(request.volumes[1].kind, VolumeRequest::Kind::anonymous);
  EXPECT_EQ(request.volumes[1].target, "/data");
}

TEST(RunRequest, AnEmptyUserIsTheImages) {
  ImageConfig image = image_with({}, {});
  image.config.user = "daemon";
  RunFlags flags;
  flags.user = "";
  EXPECT_EQ(make_run_request(flags, {"x"}, image, {}).user, "daemon");
}

TEST(RunRequest, OneOfAnotherVersionIsCorruptAndSaysWhatToDo) {
  try {
    parse_run_request(R"({"argv": ["x"]})");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::corrupt);
    EXPECT_NE(e.hint().find("imgb rm"), std::string::npos);
  }
}

TEST(Volume, IsAFolderOrAName) {
  VolumeRequest folder = parse_volume("./src:/dst:ro", "/here");
  EXPECT_EQ(folder.source, "/here/src");
  EXPECT_TRUE(folder.read_only && folder.make_source);
  EXPECT_EQ(parse_volume("data:/dst", "/").kind, VolumeRequest::Kind::named);
  for (const char* bad : {"", "x", ":/x", "/a:b", "/a:/", "/a:/b:wat", "/a:/../", "a:b:c:d"})
    EXPECT_THROW(parse_volume(bad, "/"), Error) << bad;
}

TEST(Volume, TakesDockersOptions) {
  EXPECT_EQ(parse_volume("/data", "/").kind, VolumeRequest::Kind::anonymous);
  EXPECT_TRUE(parse_volume("x1:/y", "/").copy);
  EXPECT_FALSE(parse_volume("x1:/y:nocopy", "/").copy);
  EXPECT_TRUE(parse_volume("/x:/y:rprivate,ro,Z", "/").read_only);
  for (const char* unsupported : {"rslave", "slave", "shared", "rshared"})
    EXPECT_THROW(parse_volume(std::string("/x:/y:") + unsupported, "/"), Error) << unsupported;
}

TEST(RunRequest, NameServersAreAddresses) {
  RunFlags flags;
  flags.dns = {"10.0.0.1", "fd00::1"};
  EXPECT_EQ(make_run_request(flags, {"x"}, image_with({}, {}), {}).dns, flags.dns);
  flags.dns = {"foo"};
  EXPECT_THROW(make_run_request(flags, {"x"}, image_with({}, {}), {}), Error);
}

TEST(RunRequest, EveryExposedPortIsPublishedOnce) {
  ImageConfig image = image_with({}, {});
  image.config.exposed_ports = {"80/tcp", "53/udp", "90/tcp"};
  RunFlags flags;
  flags.publish_all = true;
  flags.ports = {"8080:80"};
  auto ports = make_run_request(flags, {"x"}, image, {}).ports;
  ASSERT_EQ(ports.size(), 3u);
  EXPECT_EQ(ports[0].host_port, 8080);
  EXPECT_TRUE(ports[1].udp && ports[1].container_port == 53 && ports[1].host_port == 0);
  EXPECT_EQ(ports[2].container_port, 90);
}

TEST(Tmpfs, TakesAnOwner) {
  VolumeRequest volume = parse_tmpfs_flag("/t:uid=5,gid=6");
  EXPECT_EQ(volume.uid, 5u);
  EXPECT_EQ(volume.gid, 6u);
  for (const char* bad : {"/t:uid=-1", "/t:uid=x", "/t:gid=4294967295"})
    EXPECT_THROW(parse_tmpfs_flag(bad), Error) << bad;
}

TEST(Mount, TakesDockersKeys) {
  VolumeRequest bind = parse_mount_flag("type=bind,src=/a,dst=/b,ro", "/");
  EXPECT_EQ(bind.kind, VolumeRequest::Kind::folder);
  EXPECT_TRUE(bind.read_only);
  EXPECT_FALSE(bind.make_source);
  EXPECT_EQ(parse_mount_flag("type=tmpfs,dst=/t,tmpfs-size=2k", "/").size_bytes, 2048u);
  EXPECT_EQ(parse_mount_flag("dst=/b", "/").kind, VolumeRequest::Kind::anonymous);
  EXPECT_FALSE(parse_mount_flag("src=data,dst=/b,volume-nocopy", "/").copy);
  EXPECT_TRUE(parse_mount_flag("src=data,dst=/b,volume-nocopy=false", "/").copy);
  EXPECT_THROW(parse_mount_flag("type=bind,src=/a,dst=/b,bind-propagation=rshared", "/"), Error);
  EXPECT_EQ(parse_mount_flag("type=bind,src=/a,dst=/b,bind-propagation=rprivate", "/").source, "/a");
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
