#include <filesystem>

#include "core/store/copy_image.h"
#include "core/store/layout_folder.h"
#include "registry/registry_places.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

class Copy : public testing::Test, public World {
 protected:
  Descriptor add_image(const std::string& tag, const std::string& layer, const char* platform = "linux/amd64") {
    ImageConfig config = FakeRegistry::default_config();
    config.platform = Platform::parse(platform);
    Descriptor image = source.add_image("team/app", tag, {{layer, DiffId{Digest::of(layer)}, kLayer}}, config).manifest;
    image.platform = config.platform;
    return image;
  }
  Descriptor add_index(const std::string& tag, std::vector<Descriptor> images) {
    Index index{.media_type = std::string(media_type::kOciIndex), .manifests = std::move(images)};
    return source.add_manifest("team/app", tag, render(index), index.media_type);
  }
  /// Something that refers to the manifest, by the tag that stands for the API this registry lacks.
  Descriptor add_referrer(const Descriptor& subject) {
    Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                      .artifact_type = "text/signature",
                      .config = source.add_blob("{}", "application/vnd.oci.empty.v1+json"),
                      .layers = {source.add_blob("signed " + subject.digest.str(), "text/signature")},
                      .subject = subject};
    Descriptor referrer = source.add_manifest("team/app", "", render(manifest), manifest.media_type);
    Index list{.media_type = std::string(media_type::kOciIndex), .manifests = {referrer}};
    source.add_manifest("team/app", "sha256-" + subject.digest.hex(), render(list), list.media_type);
    return referrer;
  }
  RegistryReader from(const std::string& tag = "1") {
    return RegistryReader(client, Reference::parse(source.host() + "/team/app:" + tag));
  }
  CopyResult to_registry(const std::string& to = "copies/app:1", const CopyOptions& options = {}) {
    RegistryReader reader = from();
    RegistryWriter writer(client, Reference::parse(target.host() + "/" + to));
    return copy_image(reader, writer, options, nullptr, {});
  }
  CopyResult to_folder(const std::string& name = "one", const CopyOptions& options = {}) {
    RegistryReader reader = from();
    LayoutFolder folder = LayoutFolder::make(path());
    LayoutWriter writer(folder, "the folder", {{kRefNameAnnotation, name}});
    return copy_image(reader, writer, options, nullptr, {});
  }
  std::filesystem::path path() const { return temp.path() / "layout"; }
  bool is_partial_left() const { return std::filesystem::exists(path() / "ingest"); }

  FakeRegistry source, target;
  TempDir temp;
};

TEST_F(Copy, BytesGoFromOneRegistryToTheOtherAsTheyAre) {
  std::string layer = some_bytes(20'000'000);
  Descriptor image = add_image("1", layer);
  CopyResult result = to_registry();
  EXPECT_EQ(result.moved, 2u);
  auto there = target.find_manifest("copies/app", "1");
  ASSERT_TRUE(there);
  EXPECT_EQ(Digest::of(there->body), image.digest);
  EXPECT_EQ(target.find_blob(Digest::of(layer)), layer);
  EXPECT_TRUE(store.list().empty()) << "nothing passes through a store";
}

TEST_F(Copy, WhatIsThereIsNeitherReadNorSent) {
  add_image("1", "layer");
  to_registry();
  source.forget_requests();
  EXPECT_EQ(to_registry("copies/app:2").present, 2u);
  EXPECT_EQ(source.count("GET", "/blobs/"), 0u);
  target.forget_requests();
  EXPECT_EQ(to_registry("copies/app:2").moved, 0u);
  EXPECT_EQ(target.requests().size(), 1u) << "the name means it already";
}

TEST_F(Copy, AllPlatformsGoUnlessSomeAreChosen) {
  Descriptor index = add_index("1", {add_image("a", "one"), add_image("b", "two", "linux/arm64")});
  CopyResult all = to_registry();
  EXPECT_EQ(all.image.digest, index.digest);
  EXPECT_FALSE(all.is_new_index);
  EXPECT_TRUE(target.find_blob(Digest::of("two")));
}

TEST_F(Copy, SeveralChosenPlatformsAreANewIndexAndOneIsAnImage) {
  add_index("1", {add_image("a", "one"), add_image("b", "two", "linux/arm64"), add_image("c", "three", "linux/s390x")});
  CopyOptions two{.platforms = {Platform::parse("linux/amd64"), Platform::parse("linux/s390x")}};
  CopyResult cut = to_registry("copies/app:1", two);
  EXPECT_TRUE(cut.is_new_index);
  auto index = std::get<Index>(parse_manifest(target.find_manifest("copies/app", "1")->body, ""));
  EXPECT_EQ(index.manifests.size(), 2u);
  EXPECT_FALSE(target.find_blob(Digest::of("two")));
  CopyResult one = to_registry("copies/app:one", {.platforms = {Platform::parse("linux/arm64")}});
  EXPECT_FALSE(one.is_new_index);
  EXPECT_EQ(one.image.media_type, media_type::kOciManifest);
}

TEST_F(Copy, APlatformThatIsNotThereIsNamed) {
  add_image("1", "layer");
  std::string text = error_of(ErrorKind::not_found,
                              [&] { to_registry("copies/app:1", {.platforms = {Platform::parse("linux/arm64")}}); });
  EXPECT_NE(text.find("linux/arm64"), std::string::npos) << text;
  EXPECT_FALSE(target.find_manifest("copies/app", "1"));
}

TEST_F(Copy, BlobsAreMountedWithinARegistry) {
  add_image("1", "layer");
  RegistryReader reader = from();
  RegistryWriter writer(client, Reference::parse(source.host() + "/other/app:1"));
  source.add_fault({.method = "HEAD", .path = "/other/app/blobs/", .times = -1, .status = 404});
  EXPECT_EQ(copy_image(reader, writer, {}, nullptr, {}).mounted, 2u);
  EXPECT_EQ(source.count("GET", "/blobs/"), 0u);
}

TEST_F(Copy, ReferrersGoAlongAndAreFoundByTheirTag) {
  Descriptor image = add_image("1", "layer");
  Descriptor referrer = add_referrer(image);
  EXPECT_EQ(to_registry().referrers, 0u) << "only when asked for";
  EXPECT_EQ(to_registry("copies/app:1", {.referrers = true}).referrers, 1u);
  auto there = client.list_referrers(Reference::parse(target.host() + "/copies/app"), image.digest, nullptr, {});
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].digest, referrer.digest);
  EXPECT_EQ(there[0].artifact_type, "text/signature");
  EXPECT_TRUE(target.find_blob(Digest::of("signed " + image.digest.str())));
}

TEST_F(Copy, V55_WrongBytesEndInNoManifest) {
  add_image("1", some_bytes(50'000));
  source.add_fault({.path = "/blobs/", .times = -1, .change = [](FakeReply& reply) { reply.body[0] ^= 1; }});
  EXPECT_THROW(to_registry(), Error);
  EXPECT_FALSE(target.find_manifest("copies/app", "1"));
  EXPECT_THROW(to_folder(), Error);
  EXPECT_TRUE(LayoutFolder::open(path()).images().empty());
}

TEST_F(Copy, ALayoutIsWhatOtherToolsRead) {
  Descriptor image = add_image("1", "layer");
  to_folder("v1");
  LayoutFolder folder = LayoutFolder::open(path());
  ASSERT_EQ(folder.images().size(), 1u);
  EXPECT_EQ(choose_layout_image(folder.images(), "v1", "it").digest, image.digest);
  EXPECT_EQ(read_all(*folder.open_blob(Digest::of("layer")), 100, "layer"), "layer");
  EXPECT_FALSE(is_partial_left());
  EXPECT_EQ(to_folder("v2").present, 2u);
  EXPECT_EQ(folder.images().size(), 2u) << "one image, two names";
}

TEST_F(Copy, ABrokenCopyToALayoutGoesOnWhereItStopped) {
  std::string layer = some_bytes(3'000'000);
  add_image("1", layer);
  source.add_fault({.path = Digest::of(layer).hex(), .cut_at = 2'000'000});
  source.add_fault({.path = Digest::of(layer).hex(), .times = -1, .status = 404});
  EXPECT_THROW(to_folder(), Error);
  EXPECT_TRUE(is_partial_left());
  EXPECT_TRUE(LayoutFolder::open(path()).images().empty()) << "nothing is named before it is whole";
  source.clear_faults();
  source.forget_requests();
  to_folder();
  bool resumed = false;
  for (const FakeRequest& request : source.requests()) resumed = resumed || request.header("Range") == "bytes=2000000-";
  EXPECT_TRUE(resumed);
  EXPECT_FALSE(is_partial_left());
}

TEST_F(Copy, AnUploadThatBreaksGoesOnInSourceAndTarget) {
  std::string layer = some_bytes(20'000'000);
  add_image("1", layer);
  target.add_fault({.method = "PATCH", .takes = 9'000'000});
  target.add_fault({.method = "GET", .path = "/uploads/", .times = 1});
  to_registry();
  EXPECT_EQ(target.find_blob(Digest::of(layer)), layer);
}

TEST_F(Copy, FromALayoutToARegistry) {
  Descriptor image = add_image("1", "layer");
  add_referrer(image);
  to_folder("v1", {.referrers = true});
  LayoutFolder folder = LayoutFolder::open(path());
  LayoutReader reader(folder, "the folder", choose_layout_image(folder.images(), "v1", "it"));
  RegistryWriter writer(client, Reference::parse(target.host() + "/x/y:1"));
  CopyResult result = copy_image(reader, writer, {.referrers = true}, nullptr, {});
  EXPECT_EQ(result.image.digest, image.digest);
  EXPECT_EQ(result.referrers, 1u);
  EXPECT_EQ(target.find_blob(Digest::of("layer")), "layer");
}

TEST_F(Copy, V70_TooManyReferrersAreRefused) {
  Descriptor image = add_image("1", "layer");
  Index list{.media_type = std::string(media_type::kOciIndex)};
  for (int i = 0; i < 1001; ++i)
    list.manifests.push_back({std::string(media_type::kOciManifest), Digest::of(std::to_string(i)), 10, {}, {}, {}});
  source.add_manifest("team/app", "sha256-" + image.digest.hex(), render(list), list.media_type);
  error_of(ErrorKind::unsupported, [&] { to_registry("copies/app:1", {.referrers = true}); });
  EXPECT_FALSE(target.find_manifest("copies/app", "1"));
}

}  // namespace
}  // namespace imgb
