#include "builder/image_assembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imgb {
namespace {

using ::testing::ElementsAre;

Layer layer(std::string_view name) {
  return {{std::string(media_type::kDockerLayerGzip), Digest::of(name), 1}, DiffId{Digest::of(name)}};
}
std::vector<Nanoseconds> times(const ImageConfig& config) {
  std::vector<Nanoseconds> out;
  for (const History& entry : config.history) out.push_back(entry.created.value_or(-1));
  return out;
}

TEST(ImageAssembly, TimesComeFromTheLayersSoThatACachedBuildIsTheSameImage) {
  ImageConfig config;
  config.history = {{.created = 5}, {.empty_layer = true}, {}, {.empty_layer = true}, {}};
  FileSystem files;
  files.layers = {layer("base")};
  files = files.with({layer("a"), 10}).with({layer("b"), 20});
  finish_config(config, files, 99);
  EXPECT_THAT(times(config), ElementsAre(5, 10, 10, 10, 20));
  EXPECT_EQ(config.created, 20);
  EXPECT_EQ(config.diff_ids.size(), 3u);
}

TEST(ImageAssembly, ImageWithoutLayersIsMadeNow) {
  ImageConfig config;
  config.history = {{.empty_layer = true}};
  finish_config(config, {}, 99);
  EXPECT_EQ(config.created, 99);
}

TEST(ImageAssembly, HistoryOfABaseIsMadeToFitItsLayers) {
  ImageConfig config;
  config.diff_ids = {layer("a").diff_id, layer("b").diff_id};
  config.history = {{.empty_layer = true}, {}};
  fit_history(config);
  ASSERT_EQ(config.history.size(), 3u);
  EXPECT_FALSE(config.history[2].empty_layer);
  config.diff_ids.pop_back();
  fit_history(config);
  EXPECT_TRUE(config.history[2].empty_layer);
}

TEST(ImageAssembly, DockerLayersBecomeOci) {
  Descriptor config{std::string(media_type::kOciConfig), Digest::of("c"), 1};
  auto manifest = make_manifest(config, {layer("a")}, {{"k", "v"}});
  EXPECT_EQ(manifest.layers[0].media_type, media_type::kOciLayerGzip);
  EXPECT_EQ(manifest.annotations.at("k"), "v");
}

}  // namespace
}  // namespace imgb
