#include "core/store/fsck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/store/publish.h"
#include "tests/support/image_maker.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = Finding::Kind;

class FsckTest : public testing::Test {
 protected:
  FsckTest() {
    good_ = make_image(store_.blobs(), {"good layer", "shared"});
    bad_ = make_image(store_.blobs(), {"bad layer", "shared"});
    for (auto& [name, image] : {std::pair<const char*, Descriptor&>("good:1", good_), {"bad:1", bad_}}) {
      Reference reference = Reference::parse(name);
      publish(store_, image, {&reference, 1});
    }
  }
  std::vector<Kind> kinds(bool repair = false) {
    std::vector<Kind> found;
    for (const Finding& finding : fsck(store_, {.repair = repair, .jobs = 2}).findings) found.push_back(finding.kind);
    return found;
  }
  void flip(const Digest& digest) {
    std::string path = "blobs/sha256/" + digest.hex();
    std::string bytes = store_.root().read_file(path, 10000);
    bytes[0] ^= 1;
    store_.root().replace_file(path, bytes, 0444);
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const NamedImage& image : store_.images().list()) all.push_back(image.name);
    return all;
  }

  TempDir temp_;
  Store store_ = Store::open(temp_.path() / "store");
  Descriptor good_{.digest = Digest::of("")}, bad_ = good_;
};

TEST_F(FsckTest, AGoodStoreHasNoFindings) {
  FsckReport report = fsck(store_, {});
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_TRUE(report.is_clean());
  EXPECT_EQ(report.blobs, 7u);
}

TEST_F(FsckTest, ADamagedLayerIsFoundAndRepairLeavesAStoreThatIsClean) {
  flip(Digest::of("bad layer"));
  EXPECT_THAT(kinds(), ElementsAre(Kind::damaged_blob, Kind::bad_image));
  EXPECT_FALSE(fsck(store_, {}).is_clean());
  EXPECT_TRUE(store_.blobs().find_size(Digest::of("bad layer"))) << "looking changes nothing";
  EXPECT_TRUE(fsck(store_, {.repair = true}).is_clean());
  EXPECT_THAT(names(), ElementsAre("docker.io/library/good:1"));
  EXPECT_FALSE(store_.blobs().find_size(Digest::of("bad layer")));
  EXPECT_EQ(store_.folder("quarantine").list().size(), 1u);
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(FsckTest, ADamagedManifestTakesItsNameAlong) {
  flip(bad_.digest);
  EXPECT_THAT(kinds(true), ElementsAre(Kind::damaged_blob, Kind::bad_image));
  EXPECT_THAT(names(), ElementsAre("docker.io/library/good:1"));
}

TEST_F(FsckTest, AMissingLayerMakesAnImageIncompleteWhichIsNoDamage) {
  store_.blobs().remove(Digest::of("bad layer"));
  FsckReport report = fsck(store_, {.repair = true});
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_EQ(report.findings[0].kind, Kind::incomplete_image);
  EXPECT_EQ(report.findings[0].what, "docker.io/library/bad:1");
  EXPECT_TRUE(report.is_clean());
  EXPECT_EQ(names().size(), 2u);
}

TEST_F(FsckTest, AMissingManifestIsDamage) {
  store_.blobs().remove(bad_.digest);
  EXPECT_THAT(kinds(), ElementsAre(Kind::bad_image));
}

TEST_F(FsckTest, ADescriptorThatLiesAboutASizeIsDamage) {
  Manifest manifest = parse_image_manifest(read_blob(store_.blobs(), good_, 10000), "");
  manifest.layers[0].size_bytes += 1;
  store_.images().keep(write_blob(store_.blobs(), render(manifest), manifest.media_type));
  EXPECT_THAT(kinds(), ElementsAre(Kind::bad_image));
  EXPECT_THAT(kinds(true), ElementsAre(Kind::bad_image));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(FsckTest, ALostIndexIsMadeAnewFromTheManifests) {
  Descriptor child = make_image(store_.blobs(), {"child"});
  Index index{.media_type = std::string(media_type::kOciIndex), .manifests = {child}};
  Descriptor parent = write_blob(store_.blobs(), render(index), index.media_type);
  store_.root().replace_file("index.json", "{\"schemaVersion\":2,\"manif", 0644);
  EXPECT_THAT(kinds(), ElementsAre(Kind::bad_index));
  EXPECT_THAT(kinds(true), ElementsAre(Kind::bad_index));
  std::set<Digest> kept;
  for (const NamedImage& image : store_.images().list()) kept.insert(image.descriptor.digest);
  EXPECT_EQ(kept, (std::set<Digest>{good_.digest, bad_.digest, parent.digest}));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(FsckTest, AnEmptyIndexIsDamageAndIsMadeAnew) {
  store_.root().replace_file("index.json", "", 0644);
  EXPECT_THAT(kinds(), ElementsAre(Kind::bad_index));
  EXPECT_THAT(kinds(true), ElementsAre(Kind::bad_index));
  EXPECT_EQ(names(), (std::vector<std::string>{"", ""}));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(FsckTest, NamesThatCanBeReadSurviveTheRepairOfAnIndex) {
  std::string index = store_.root().read_file("index.json", 1 << 20);
  std::string broken = R"({"digest":"?"},)";
  store_.root().replace_file("index.json", index.insert(index.find("\"manifests\":[") + 13, broken), 0644);
  EXPECT_THAT(kinds(true), ElementsAre(Kind::bad_index));
  EXPECT_THAT(names(), ElementsAre("docker.io/library/bad:1", "docker.io/library/good:1"));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(FsckTest, LookingLeavesADamagedChildOfAnIndexWhereItIs) {
  Descriptor child = make_image(store_.blobs(), {"child"});
  Index index{.media_type = std::string(media_type::kOciIndex), .manifests = {child}};
  store_.images().keep(write_blob(store_.blobs(), render(index), index.media_type));
  flip(child.digest);
  EXPECT_THAT(kinds(), ElementsAre(Kind::damaged_blob, Kind::bad_image));
  EXPECT_TRUE(store_.blobs().peek_size(child.digest));
  EXPECT_FALSE(store_.root().find_stat("quarantine"));
  EXPECT_THROW(read_blob(store_.blobs(), child, 10'000), Error);
  EXPECT_THAT(kinds(), ElementsAre(Kind::bad_image)) << "a reader has taken it out of use";
  EXPECT_THAT(kinds(true), ElementsAre(Kind::bad_image));
  EXPECT_THAT(kinds(), IsEmpty());
}

TEST_F(FsckTest, WhatACollectorRemovesMeanwhileIsNoFailure) {
  std::vector<Digest> all = store_.blobs().list();
  FsckOptions options;
  options.on_progress = [&](std::uint64_t done, std::uint64_t) {
    if (done > 1) return;
    for (const Digest& image : {good_.digest, bad_.digest}) store_.images().remove_image(image);
    for (const Digest& digest : all) store_.blobs().remove(digest);
  };
  FsckReport report = fsck(store_, options);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.blobs, 1u);
}

TEST_F(FsckTest, ForeignFilesAndLeftoversAreToldButAreNoDamage) {
  store_.root().replace_file("blobs/sha256/README", "hello", 0644);
  store_.blobs().create_expected({.digest = Digest::of("x"), .size_bytes = 1});
  EXPECT_THAT(kinds(), ElementsAre(Kind::foreign_file, Kind::leftover));
  EXPECT_TRUE(fsck(store_, {.repair = true}).is_clean());
  EXPECT_THAT(kinds(), ElementsAre(Kind::foreign_file));
}

TEST_F(FsckTest, TheLayoutMarkerIsRestored) {
  store_.root().replace_file("oci-layout", "{}", 0644);
  EXPECT_THAT(kinds(true), ElementsAre(Kind::bad_layout));
  EXPECT_THAT(kinds(), IsEmpty());
}

}  // namespace
}  // namespace imgb
