#include "core/oci/image_config.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

const std::string kId = "sha256:" + std::string(64, 'b');

TEST(ImageConfig, BuildKitsConfigReadsAndWritesTheSameBytes) {
  std::string text =
      R"({"architecture":"amd64","author":"me","config":{"User":"1000","ExposedPorts":{"80/tcp":{}},"Env":["PATH=/bin","A=b"],)"
      R"("Entrypoint":["/e"],"Cmd":["a","b"],"Healthcheck":{"Test":["CMD-SHELL","x"],"Interval":1000000000,"Retries":5},"ArgsEscaped":true,)"
      R"("Volumes":{"/v":{}},"WorkingDir":"/app","OnBuild":["RUN x"],"Labels":{"k":"v"},"StopSignal":"SIGTERM","Shell":["/bin/bash","-c"]},)"
      R"("created":"2024-01-02T03:04:05.6Z","history":[{"created":"1970-01-01T00:00:00Z","created_by":"RUN x # buildkit","comment":"buildkit.dockerfile.v0"},)"
      R"({"created_by":"ENV A=b","empty_layer":true}],"os":"linux","rootfs":{"type":"layers","diff_ids":[")" +
      kId + R"("]}})";
  EXPECT_EQ(render(parse_image_config(text)), text);
}

TEST(ImageConfig, GosZeroTimeIsNoTime) {
  auto config = parse_image_config(
      R"({"architecture":"amd64","os":"linux","created":"0001-01-01T00:00:00Z","rootfs":{"diff_ids":[]}})");
  EXPECT_FALSE(config.created);
}

TEST(ImageConfig, AnEmptyCommandIsNotAMissingOne) {
  auto config = parse_image_config(R"({"os":"linux","config":{"Cmd":[],"Entrypoint":null},"rootfs":{"diff_ids":[]}})");
  ASSERT_TRUE(config.config.cmd);
  EXPECT_TRUE(config.config.cmd->empty());
  EXPECT_FALSE(config.config.entrypoint);
}

TEST(ImageConfig, WrongTypesAreCorrupt) {
  for (const char* bad : {"[]", "{}", R"({"rootfs":[]})", R"({"rootfs":{"diff_ids":["x"]}})",
                          R"({"config":{"Env":"A=b"},"rootfs":{"diff_ids":[]}})",
                          R"({"created":"yesterday","rootfs":{"diff_ids":[]}})"}) {
    try {
      parse_image_config(bad);
      FAIL() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::corrupt) << bad;
    }
  }
}

}  // namespace
}  // namespace imgb
