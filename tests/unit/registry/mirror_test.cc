#include "registry/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "core/store/blob_places.h"
#include "core/store/layout.h"
#include "registry/mirror_update.h"
#include "tests/support/image_maker.h"
#include "tests/support/memory_blob_store.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Descriptor platform_of(Descriptor image, const char* platform) {
  image.platform = Platform::parse(platform);
  return image;
}

/// A registry: images by name.
class Upstream {
 public:
  Descriptor index(const std::vector<Descriptor>& children) {
    Index index{.media_type = std::string(media_type::kOciIndex), .manifests = children};
    return write_blob(blobs, render(index), index.media_type);
  }
  Descriptor referrer(const Descriptor& subject, const std::string& text) {
    Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                      .artifact_type = "application/x-signature",
                      .config = write_blob(blobs, "{}", "application/vnd.oci.empty.v1+json"),
                      .layers = {write_blob(blobs, text, "text/plain")},
                      .subject = subject};
    Descriptor made = write_blob(blobs, render(manifest), manifest.media_type);
    roots.push_back(made);
    return made;
  }
  CopyResult bring(LayoutFolder& mirror, const char* name, const Descriptor& image,
                   std::vector<Platform> platforms = {}, bool referrers = false) {
    StoreReader from(blobs, name, image, roots);
    MirrorRequest request{Reference::parse(name).with_default_tag(), std::move(platforms), referrers};
    return mirror_image(mirror, request, from, nullptr, {});
  }

  MemoryBlobStore blobs;
  std::vector<Descriptor> roots;
};

class MirrorTest : public testing::Test {
 protected:
  std::vector<std::string> problems() {
    return verify_mirror(mirror_, [](std::uint64_t) {}, {}).problems;
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const MirroredImage& image : read_mirror(mirror_)) all.push_back(image.label());
    return all;
  }
  void damage(const Digest& blob) {
    std::ofstream(place_.path() / layout::blob(blob), std::ios::binary | std::ios::in) << "X";
  }

  TempDir place_, other_;
  LayoutFolder mirror_ = LayoutFolder::make(place_.path());
  Upstream upstream_;
};

TEST_F(MirrorTest, HoldsImagesUnderTheirWholeNamesAndIsAPlainLayout) {
  Descriptor image = make_image(upstream_.blobs, {"one"});
  upstream_.bring(mirror_, "debian:12", image);
  upstream_.bring(mirror_, "quay.io/a/b", make_image(upstream_.blobs, {"one", "two"}));
  EXPECT_THAT(names(), ElementsAre("docker.io/library/debian:12", "quay.io/a/b:latest"));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(blobs_of(read_mirror(mirror_)).size(), 6u) << "a layer that two images share is there once";
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(place_.path())) files.push_back(entry.path().filename());
  EXPECT_THAT(files, testing::UnorderedElementsAre("oci-layout", "index.json", "blobs"));
}

TEST_F(MirrorTest, OfAnIndexOnlyTheChosenPlatformsAreThereAndItsDigestStays) {
  Descriptor amd = platform_of(make_image(upstream_.blobs, {"amd"}), "linux/amd64");
  Descriptor arm = platform_of(make_image(upstream_.blobs, {"arm"}), "linux/arm64");
  Descriptor index = upstream_.index({amd, arm});
  upstream_.bring(mirror_, "a:1", index, {Platform::parse("linux/arm64")});
  EXPECT_EQ(mirror_.images()[0].digest, index.digest);
  EXPECT_FALSE(mirror_.find_size(amd.digest));
  EXPECT_TRUE(mirror_.find_size(arm.digest));
  EXPECT_THAT(problems(), IsEmpty()) << "what was not chosen is not missing";
  auto requests = requests_of(mirror_);
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_THAT(requests[0].platforms, ElementsAre(Platform::parse("linux/arm64")));

  upstream_.bring(mirror_, "a:1", index);
  EXPECT_TRUE(mirror_.find_size(amd.digest)) << "a wider choice brings the rest";
  EXPECT_THAT(names(), ElementsAre("docker.io/library/a:1"));
  EXPECT_TRUE(requests_of(mirror_)[0].platforms.empty());
}

TEST_F(MirrorTest, ReferrersComeAlongWhenAskedForAndGoWithTheirImage) {
  Descriptor image = make_image(upstream_.blobs, {"one"});
  Descriptor signature = upstream_.referrer(image, "signed");
  upstream_.referrer(signature, "countersigned");
  upstream_.bring(mirror_, "plain:1", image);
  EXPECT_THAT(names(), ElementsAre("docker.io/library/plain:1"));
  upstream_.bring(mirror_, "signed:1", image, {}, true);
  EXPECT_THAT(read_mirror(mirror_), SizeIs(4));
  EXPECT_THAT(find_garbage(mirror_).blobs, IsEmpty());

  remove_names(mirror_, {"docker.io/library/plain:1", "docker.io/library/signed:1"});
  MirrorGarbage garbage = find_garbage(mirror_);
  EXPECT_THAT(garbage.widowed, SizeIs(2));
  remove_garbage(mirror_, garbage);
  EXPECT_THAT(mirror_.images(), IsEmpty());
  EXPECT_THAT(mirror_.list_blobs(), IsEmpty());
}

TEST_F(MirrorTest, AnUpdateBringsOnlyWhatChangedAndMovesTheName) {
  upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"base", "one"}));
  CopyResult again = upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"base", "one"}));
  EXPECT_EQ(again.moved, 0u);
  CopyResult changed = upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"base", "two"}));
  EXPECT_EQ(changed.moved, 2u) << "the new layer and the config";
  EXPECT_THAT(names(), ElementsAre("docker.io/library/a:1"));
  MirrorGarbage garbage = find_garbage(mirror_);
  EXPECT_THAT(garbage.blobs, SizeIs(3));
  remove_garbage(mirror_, garbage);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(MirrorTest, VerifyNamesWhatIsMissingAndWhatIsWrongWithItsImage) {
  Descriptor image = make_image(upstream_.blobs, {"one", "two"});
  upstream_.bring(mirror_, "a:1", image);
  damage(Digest::of("one"));
  mirror_.remove_blob(Digest::of("two"));
  EXPECT_THAT(problems(), testing::UnorderedElementsAre(
                              testing::AllOf(HasSubstr("docker.io/library/a:1"), HasSubstr(Digest::of("one").str())),
                              testing::AllOf(HasSubstr(Digest::of("two").str()), HasSubstr("is missing"))));
  EXPECT_THROW(find_garbage(mirror_), Error) << "nobody knows what a broken image needs";
  damage(image.digest);
  EXPECT_THAT(problems(), testing::Contains(HasSubstr(image.digest.str())));
}

TEST_F(MirrorTest, ADeltaHoldsWhatTheOtherSideLacksAndMakesItTheSame) {
  upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"base", "one"}));
  LayoutFolder site = LayoutFolder::make(other_.path() / "site");
  import_delta(mirror_, site, false, nullptr, {});
  EXPECT_EQ(site.images(), mirror_.images());

  upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"base", "two"}));
  upstream_.bring(mirror_, "b:1", make_image(upstream_.blobs, {"base"}));
  MirrorDiff diff = diff_mirrors(read_mirror(site), read_mirror(mirror_));
  EXPECT_THAT(diff.changes, SizeIs(2));
  LayoutFolder delta = LayoutFolder::make(other_.path() / "delta");
  std::set<Digest> there;
  for (const auto& [digest, size] : blobs_of(read_mirror(site))) there.insert(digest);
  export_delta(mirror_, there, delta, nullptr, {});
  EXPECT_EQ(delta.list_blobs().size(), diff.new_blobs.size());
  EXPECT_FALSE(delta.find_size(Digest::of("base")));

  ImportResult result = import_delta(delta, site, false, nullptr, {});
  EXPECT_EQ(result.blobs, diff.new_blobs.size());
  EXPECT_THAT(verify_mirror(site, [](std::uint64_t) {}, {}).problems, IsEmpty());
  EXPECT_THAT(diff_mirrors(read_mirror(site), read_mirror(mirror_)).changes, IsEmpty());
}

TEST_F(MirrorTest, ADeltaThatDoesNotMakeTheMirrorWholeChangesNothing) {
  upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"base", "one"}));
  LayoutFolder delta = LayoutFolder::make(other_.path() / "delta"), site = LayoutFolder::make(other_.path() / "site");
  export_delta(mirror_, {Digest::of("base")}, delta, nullptr, {});
  try {
    import_delta(delta, site, false, nullptr, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr(Digest::of("base").str()));
  }
  EXPECT_THAT(site.images(), IsEmpty());
  EXPECT_THAT(site.list_blobs(), IsEmpty());
}

TEST_F(MirrorTest, NamesThatADeltaDoesNotHaveStayUnlessItIsToBeExact) {
  LayoutFolder site = LayoutFolder::make(other_.path() / "site");
  upstream_.bring(site, "own:1", make_image(upstream_.blobs, {"own"}));
  upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"one"}));
  import_delta(mirror_, site, false, nullptr, {});
  EXPECT_THAT(site.images(), SizeIs(2));
  ImportResult result = import_delta(mirror_, site, true, nullptr, {});
  EXPECT_EQ(result.removed, 1u);
  EXPECT_EQ(site.images(), mirror_.images());
}

TEST_F(MirrorTest, ABlobThatIsNotWhatItSaysIsNotImported) {
  upstream_.bring(mirror_, "a:1", make_image(upstream_.blobs, {"one"}));
  damage(Digest::of("one"));
  LayoutFolder site = LayoutFolder::make(other_.path() / "site");
  EXPECT_THROW(import_delta(mirror_, site, false, nullptr, {}), Error);
  EXPECT_THAT(site.images(), IsEmpty());
  EXPECT_FALSE(site.find_size(Digest::of("one")));
}

}  // namespace
}  // namespace imgb
