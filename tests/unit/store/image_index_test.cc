#include "core/store/image_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/local_image.h"
#include "core/store/publish.h"
#include "tests/support/image_maker.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

using testing::HasSubstr;

class ImageIndexTest : public ::testing::Test {
 protected:
  std::string entry(const Descriptor& image, std::string_view name) {
    return fmt::format(
        R"({{"mediaType":"{}","digest":"{}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"{}"}}}})",
        image.media_type, image.digest.str(), image.size_bytes, name);
  }
  void write_index(const std::string& entries, const std::string& more = "") {
    store_.root().replace_file("index.json", R"({"schemaVersion":2,"manifests":[)" + entries + "]" + more + "}", 0644);
  }
  ErrorKind kind_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& e) {
      return e.kind();
    }
    return ErrorKind::internal;
  }

  TempDir temp_;
  Store store_ = Store::open(temp_.path() / "store");
  Descriptor image_ = make_image(store_.blobs(), {"layer"});
};

TEST_F(ImageIndexTest, MoreNamesThanAnImageMayHaveManifestsAreReadAndWritten) {
  std::string entries = entry(image_, "docker.io/library/a:0");
  constexpr int kNames = 20'000;
  for (int i = 1; i < kNames; ++i) entries += "," + entry(image_, fmt::format("docker.io/library/a:{}", i));
  ASSERT_GT(entries.size(), kMaxManifestBytes);
  write_index(entries);
  store_.images().set(Reference::parse("one:more"), image_);
  EXPECT_EQ(store_.images().list().size(), kNames + 1u);
  EXPECT_TRUE(store_.images().find(Reference::parse("one:more")));
}

TEST_F(ImageIndexTest, WhatCouldNotBeReadAgainIsNotWritten) {
  std::string name = entry(image_, "docker.io/library/a:1");
  write_index(name, R"(,"pad":")" + std::string(kMaxLayoutIndexBytes - name.size() - 60, 'x') + "\"");
  ASSERT_EQ(store_.images().list().size(), 1u);
  EXPECT_EQ(kind_of([&] { store_.images().set(Reference::parse("one:more"), image_); }), ErrorKind::unsupported);
  EXPECT_TRUE(store_.images().remove_name(Reference::parse("a:1"))) << "that makes room, and nothing else is there";
  EXPECT_TRUE(store_.images().list().empty());
}

TEST_F(ImageIndexTest, AnIndexThatWasLostIsNoStoreWithoutImages) {
  store_.images().keep(image_);
  for (bool empty : {true, false}) {
    if (empty)
      store_.root().replace_file("index.json", "", 0644);
    else
      store_.root().remove("index.json");
    EXPECT_EQ(kind_of([&] { store_.images().list(); }), ErrorKind::corrupt);
    EXPECT_EQ(kind_of([&] { store_.images().set(Reference::parse("a:1"), image_); }), ErrorKind::corrupt);
  }
}

TEST_F(ImageIndexTest, BlobsThatLostMarkerAndIndexAreNoNewStore) {
  store_.images().keep(image_);
  store_.root().remove("index.json");
  store_.root().remove("oci-layout");
  Store again = Store::open(temp_.path() / "store");
  EXPECT_EQ(kind_of([&] { again.images().list(); }), ErrorKind::corrupt);
}

TEST_F(ImageIndexTest, RebuildingKeepsTheEntriesThatAreWhole) {
  Descriptor other = make_image(store_.blobs(), {"other"});
  write_index(entry(image_, "docker.io/library/a:1") + R"(,{"digest":"no digest"},7)");
  ASSERT_EQ(kind_of([&] { store_.images().list(); }), ErrorKind::corrupt);
  std::vector<Descriptor> found = {image_, other};
  store_.images().rebuild(found);
  auto images = store_.images().list();
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].name, "");
  EXPECT_EQ(images[0].descriptor.digest, other.digest);
  EXPECT_EQ(images[1].name, "docker.io/library/a:1");
  EXPECT_THAT(store_.root().read_file("quarantine/index.json", 10'000), HasSubstr("no digest"));
}

TEST_F(ImageIndexTest, ANameThatAnotherToolGaveIsShownAndFoundAsItIs) {
  write_index(entry(image_, "MyTag") + "," + entry(make_image(store_.blobs(), {"x"}), "docker.io/library/a:1"));
  EXPECT_EQ(find_local_image(store_, "MyTag", Platform::host())->names, std::vector<std::string>{"MyTag"});
  EXPECT_TRUE(find_local_image(store_, "a:1", Platform::host()));
  EXPECT_EQ(kind_of([&] { get_local_image(store_, "unknown", Platform::host()); }), ErrorKind::not_found);
  std::string absent = "a@" + Digest::of("absent").str(), by_digest = "a@" + image_.digest.str();
  EXPECT_EQ(kind_of([&] { get_local_image(store_, absent, Platform::host()); }), ErrorKind::not_found);
  EXPECT_FALSE(find_local_image(store_, by_digest, Platform::host())) << "another repository's";
  EXPECT_TRUE(store_.images().remove_name("MyTag"));
  EXPECT_EQ(store_.images().list().size(), 1u);
}

}  // namespace
}  // namespace imgb
