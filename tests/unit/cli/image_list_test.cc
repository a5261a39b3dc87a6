#include "cli/image_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "builder/dockerfile_error.h"
#include "core/base/error.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Listed {
  std::vector<std::string> names, places;
};

Listed read(const std::string& file, std::string_view text, const ListOptions& options = {}) {
  Listed listed;
  for (const ListedImage& image : read_image_list(file, text, options)) {
    listed.names.push_back(image.name);
    listed.places.push_back(image.where);
  }
  return listed;
}

std::string failure(std::string_view text, const ListOptions& options = {}) {
  try {
    read_image_list("file", text, options);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(ImageList, APlainListHasANameALineAndComments) {
  Listed listed = read("list", "# bases\n\ndebian:12  # stable\nquay.io/a/b@sha256:12\n\tdebian:12\nfrom\n");
  EXPECT_THAT(listed.names, ElementsAre("debian:12", "quay.io/a/b@sha256:12", "from"));
  EXPECT_THAT(listed.places, ElementsAre("list:3", "list:4", "list:6"));
  EXPECT_THAT(failure("a\nb c\n"), HasSubstr("file: line 2: \"b c\" is more than one name"));
}

TEST(ImageList, ADockerfileNamesBasesAndWhatItCopiesAndMountsFrom) {
  Listed listed = read("Dockerfile",
                       "# syntax=docker/dockerfile:1\nARG V=12\nFROM debian:$V AS base\nFROM scratch\n"
                       "COPY --from=base / /\nCOPY --from=busybox:1 /bin /bin\nCOPY --from=0 /a /a\n"
                       "FROM base\nRUN --mount=type=bind,from=alpine,target=/x true\nRUN true\n");
  EXPECT_THAT(listed.names, ElementsAre("docker/dockerfile:1", "debian:12", "busybox:1", "alpine"));
  EXPECT_THAT(listed.places, ElementsAre("Dockerfile: # syntax", "Dockerfile:3", "Dockerfile:6", "Dockerfile:9"));
}

TEST(ImageList, BuildArgumentsChooseADockerfilesBase) {
  constexpr std::string_view kText = "ARG BASE\nFROM $BASE\n";
  EXPECT_THAT(read("Dockerfile", kText, {{{"BASE", "alpine:3"}}, {}}).names, ElementsAre("alpine:3"));
  EXPECT_THROW(read("Dockerfile", kText), DockerfileError);
}

TEST(ImageList, ComposeServicesThatAreBuiltNameNothing) {
  std::map<std::string, std::string> variables{{"TAG", "3"}};
  ListOptions options;
  options.variable = [&](const std::string& name) {
    auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional(at->second);
  };
  Listed listed = read("compose.yaml",
                       "x-common: &common\n  image: redis:7\nservices:\n  cache:\n    <<: *common\n"
                       "  mine:\n    build: .\n    image: mine:1\n  web:\n    image: \"nginx:${TAG}\"\n"
                       "  db:\n    image: ${REPO:-docker.io/library}/postgres:$TAG\n  odd: {image: 'a$$b'}\n",
                       options);
  EXPECT_THAT(listed.names, ElementsAre("redis:7", "docker.io/library/postgres:3", "a$b", "nginx:3"));
  EXPECT_EQ(listed.places[3], "compose.yaml: service web");
  EXPECT_THAT(failure("services:\n  a:\n    image: x:${T:?set T}\n"), HasSubstr("set T"));
  EXPECT_THAT(failure("include: [other.yaml]\nservices: {}\n"), HasSubstr("include"));
}

TEST(ImageList, KubernetesDocumentsOfAnyKindNameTheirImages) {
  Listed listed =
      read("all.yaml",
           "---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    "
           "spec:\n"
           "      initContainers:\n      - {name: i, image: busybox:1}\n      containers:\n      - name: c\n        "
           "image: nginx:2\n"
           "      volumes:\n      - name: v\n        image: {reference: quay.io/data:3, pullPolicy: Always}\n"
           "---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: monitoring.coreos.com/v1\n  kind: Prometheus\n"
           "  spec: {image: prom/prometheus:v2}\n");
  EXPECT_THAT(listed.names,
              testing::UnorderedElementsAre("busybox:1", "nginx:2", "quay.io/data:3", "prom/prometheus:v2"));
  EXPECT_EQ(listed.places[0], "all.yaml: Deployment web");
}

TEST(ImageList, YamlOfAnotherKindAndBrokenYamlSayWhatIsWrong) {
  EXPECT_THAT(failure("a: b\n"), HasSubstr("neither a compose file"));
  EXPECT_THAT(failure("services:\n  a: [\n"), HasSubstr("file: line 3"));
  EXPECT_THAT(failure("services: {a: {image: x, image: y}}\n"), HasSubstr("\"image\" is there twice"));
  EXPECT_THAT(failure("services: 3\napiVersion2: x\n"), HasSubstr("\"services\" is no mapping"));
}

TEST(ImageList, AliasesThatMultiplyAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    std::string item = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + item;
    for (int j = 0; j < 9; ++j) text += ", " + item;
    text += "]\n";
  }
  EXPECT_THAT(failure(text), HasSubstr("too many values"));
  EXPECT_THAT(failure("a: " + std::string(100, '[') + std::string(100, ']')), HasSubstr("nested too deep"));
}

}  // namespace
}  // namespace imgb
