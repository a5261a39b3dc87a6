#include "core/store/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/base/error.h"
#include "core/oci/manifest.h"
#include "core/store/publish.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  Store open() { return Store::open(temp_.path() / "store"); }
  /// An image of one layer, published under `name`.
  Descriptor publish_image(Store& store, const std::string& name, const std::string& layer_text) {
    Manifest m{.media_type = std::string(media_type::kOciManifest),
               .config = write_blob(store.blobs(), "{}", std::string(media_type::kOciConfig)),
               .layers = {write_blob(store.blobs(), layer_text, std::string(media_type::kOciLayer))}};
    Descriptor image = write_blob(store.blobs(), render(m), m.media_type);
    std::vector<Reference> names;
    if (!name.empty()) names.push_back(Reference::parse(name).with_default_tag());
    publish(store, image, names);
    return image;
  }
  TempDir temp_;
};

TEST_F(StoreTest, IsAnOciLayoutFromTheStart) {
  open();
  Dir root = Dir::open_host(temp_.path() / "store");
  EXPECT_EQ(root.read_file("oci-layout", 100), R"({"imageLayoutVersion":"1.0.0"})");
  EXPECT_TRUE(root.find_content("index.json", 1000));
  EXPECT_EQ(root.stat(".").mode, 0700u);
}

TEST_F(StoreTest, OneThatALaterVersionMadeIsLeftAlone) {
  open();
  Dir root = Dir::open_host(temp_.path() / "store");
  for (std::string_view version : {"2.0.0", "10.1"}) {
    std::string marker = fmt::format(R"({{"imageLayoutVersion":"{}"}})", version);
    root.replace_file("oci-layout", marker, 0644);
    try {
      open();
      FAIL() << marker;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::unsupported);
      EXPECT_THAT(e.what(), ::testing::HasSubstr(fmt::format("has version {} of the image layout", version)));
      EXPECT_THAT(e.hint(), ::testing::HasSubstr("--root"));
    }
    EXPECT_EQ(root.read_file("oci-layout", 100), marker);
  }
}

TEST_F(StoreTest, WhatIsNoMarkerKeepsNobodyFromItsImages) {
  open();
  Dir root = Dir::open_host(temp_.path() / "store");
  for (std::string_view marker :
       {R"({"imageLayoutVersion":"1.1.0"})", "", "garbage", "[]", R"({"imageLayoutVersion":2})"}) {
    root.replace_file("oci-layout", marker, 0644);
    EXPECT_NO_THROW(open()) << marker;
  }
}

TEST_F(StoreTest, WhoeverKeepsOnlyItsTruthLosesNothing) {
  Digest digest = Digest::of("content");
  {
    Store store = open();
    write_blob(store.blobs(), "content", "x");
  }
  Dir root = Dir::open_host(temp_.path() / "store");
  for (const Dir::Entry& entry : root.list()) {
    if (entry.name != "oci-layout" && entry.name != "index.json" && entry.name != "blobs") root.remove_tree(entry.name);
  }
  Store store = open();
  EXPECT_EQ(store.blobs().find_size(digest), 7u);
  EXPECT_EQ(write_blob(store.blobs(), "more", "x").size_bytes, 4u);
}

TEST_F(StoreTest, ABlobIsThereAfterItsCommitAndNotBefore) {
  Store store = open();
  Digest digest = Digest::of("content");
  {
    auto writer = store.blobs().create();
    writer->write(as_bytes("content"));
    EXPECT_FALSE(store.blobs().find_size(digest));
  }
  EXPECT_FALSE(store.blobs().find_size(digest));
  EXPECT_EQ(write_blob(store.blobs(), "content", "x").digest, digest);
  EXPECT_EQ(store.blobs().find_size(digest), 7u);
  EXPECT_EQ(read_all(*store.blobs().open(digest), 100, "blob"), "content");
  EXPECT_EQ(store.blobs().list(), std::vector{digest});
}

TEST_F(StoreTest, ABrokenDownloadIsContinued) {
  Store store = open();
  Descriptor want{.digest = Digest::of("hello world"), .size_bytes = 11};
  store.blobs().create_expected(want)->write(as_bytes("hello "));
  auto writer = store.blobs().create_expected(want);
  ASSERT_TRUE(writer);
  EXPECT_EQ(writer->size_bytes(), 6u);
  writer->write(as_bytes("world"));
  writer->commit("x");
  EXPECT_FALSE(store.blobs().create_expected(want)) << "it is there now";
  EXPECT_TRUE(store.root().open_dir("ingest").list().empty());
}

TEST_F(StoreTest, WrongBytesAreNeverKept) {
  Store store = open();
  Descriptor want{.digest = Digest::of("right"), .size_bytes = 5};
  auto writer = store.blobs().create_expected(want);
  writer->write(as_bytes("wrong"));
  EXPECT_THROW(writer->commit("x"), Error);
  writer.reset();
  EXPECT_FALSE(store.blobs().find_size(want.digest));
  EXPECT_EQ(store.blobs().create_expected(want)->size_bytes(), 0u);
  EXPECT_THROW(store.blobs().create_expected(want)->write(as_bytes("too long")), Error);
}

TEST_F(StoreTest, TwoWantingOneBlobWriteItOnce) {
  Store store = open();
  Descriptor want{.digest = Digest::of("shared"), .size_bytes = 6};
  auto first = store.blobs().create_expected(want);
  bool second_had_to_write = true;
  std::jthread other([&] { second_had_to_write = store.blobs().create_expected(want) != nullptr; });
  first->write(as_bytes("shared"));
  first->commit("x");
  first.reset();
  other.join();
  EXPECT_FALSE(second_had_to_write);
}

TEST_F(StoreTest, ADamagedBlobIsRefusedWhenRead) {
  Store store = open();
  Digest digest = write_blob(store.blobs(), "content", "x").digest;
  store.root().replace_file("blobs/sha256/" + digest.hex(), "cOntent", 0644);
  EXPECT_THROW(read_all(*store.blobs().open(digest), 100, "blob"), Error);
}

TEST_F(StoreTest, ANameThatMovesLeavesTheOldImageNameless) {
  Store store = open();
  Descriptor one = publish_image(store, "app", "1"), two = publish_image(store, "app", "2");
  auto images = store.images().list();
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].name, "");
  EXPECT_EQ(images[0].descriptor.digest, one.digest);
  EXPECT_EQ(images[1].name, "docker.io/library/app:latest");
  EXPECT_EQ(store.images().find(Reference::parse("app:latest"))->digest, two.digest);
  publish_image(store, "old", "1");
  EXPECT_EQ(store.images().list().size(), 2u) << "a named image is not listed as nameless too";
}

TEST_F(StoreTest, RemovingTheLastNameRemovesTheImage) {
  Store store = open();
  publish_image(store, "a", "1");
  publish_image(store, "b", "1");
  EXPECT_TRUE(store.images().remove_name(Reference::parse("a:latest")));
  EXPECT_EQ(store.images().list().size(), 1u);
  EXPECT_TRUE(store.images().remove_name(Reference::parse("b:latest")));
  EXPECT_TRUE(store.images().list().empty());
  EXPECT_FALSE(store.images().remove_name(Reference::parse("b:latest")));
}

TEST_F(StoreTest, NamesSetAtOnceAreAllKept) {
  Store store = open();
  Descriptor image = publish_image(store, "", "1");
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 8; ++i)
      writers.emplace_back([&, i] { store.images().set(Reference::parse("app:" + std::to_string(i)), image); });
  }
  EXPECT_EQ(store.images().list().size(), 8u);
}

TEST_F(StoreTest, WhatOtherToolsWroteIntoTheIndexStays) {
  Store store = open();
  Descriptor image = publish_image(store, "", "layer");
  std::string entry = fmt::format(
      R"({{"mediaType":"{}","digest":"{}","size":{},"urls":["https://x/y"],"data":"e30=","annotations":{{"a":"b"}}}})",
      image.media_type, image.digest.str(), image.size_bytes);
  store.root().replace_file("index.json",
                            R"({"schemaVersion":2,"org.other":{"tool":1},"manifests":[)" + entry + R"(]})", 0644);
  store.images().set(Reference::parse("a:1"), image);
  publish_image(store, "b:1", "other");
  publish_image(store, "a:1", "third");
  std::string index = store.root().read_file("index.json", 1 << 20);
  for (const char* kept : {R"("urls":["https://x/y"])", R"("data":"e30=")", R"("a":"b")", R"("org.other":{"tool":1})"})
    EXPECT_NE(index.find(kept), std::string::npos) << kept << " is not in " << index;
  EXPECT_EQ(store.images().list().size(), 3u);
}

TEST_F(StoreTest, AfterARebootTornBlobsWithoutANameAreGone) {
  Digest torn = Digest::of("torn content"), whole = Digest::of("whole");
  {
    Store store = open();
    write_blob(store.blobs(), "torn content", "x");
    write_blob(store.blobs(), "whole", "x");
    store.root().replace_file("blobs/sha256/" + torn.hex(), "", 0644);
    store.root().replace_file("boot", "an earlier boot", 0600);
  }
  Store store = open();
  EXPECT_EQ(store.blobs().list(), std::vector{whole});
}

TEST_F(StoreTest, AfterARebootWhatWasSyncedIsNotReadAgain) {
  Digest digest = Digest::of("layer");
  {
    Store store = open();
    publish_image(store, "a:1", "layer");
    EXPECT_EQ(store.root().stat("blobs/sha256/" + digest.hex()).mode, 0444u);
    write_blob(store.blobs(), "unnamed", "x");
    store.root().replace_file("blobs/sha256/" + digest.hex(), "later bit rot", 0444);  // for fsck to find
    store.root().replace_file("boot", "an earlier boot", 0600);
  }
  Store store = open();
  EXPECT_TRUE(store.blobs().find_size(digest));
  EXPECT_EQ(store.root().stat("blobs/sha256/" + Digest::of("unnamed").hex()).mode, 0444u)
      << "read once, known from now on";
}

TEST_F(StoreTest, ADamagedImageDoesNotKeepTheStoreFromOpeningAfterAReboot) {
  {
    Store store = open();
    Descriptor image = publish_image(store, "a:1", "layer");
    store.root().replace_file("blobs/sha256/" + image.digest.hex(), "no manifest", 0644);
    store.root().replace_file("boot", "an earlier boot", 0600);
  }
  EXPECT_NO_THROW(open());
}

TEST_F(StoreTest, AReaderTakesADamagedBlobOutOfUse) {
  Store store = open();
  Descriptor image = publish_image(store, "a:1", "layer");
  Digest layer = Digest::of("layer");
  store.root().replace_file("blobs/sha256/" + layer.hex(), "lay3r", 0444);
  EXPECT_THROW(read_all(*store.blobs().open(layer), 100, "layer"), Error);
  EXPECT_FALSE(store.blobs().find_size(layer));
  write_blob(store.blobs(), "layer", "x");
  EXPECT_EQ(read_all(*store.blobs().open(layer), 100, "layer"), "layer");
}

TEST_F(StoreTest, RepairWaitsForUsers) {
  Store user = open(), repairer = open();
  EXPECT_FALSE(repairer.lock_exclusively(false));
  { Store gone = std::move(user); }
  EXPECT_TRUE(repairer.lock_exclusively(false));
}

TEST_F(StoreTest, TheCacheRemembersAndATornOneForgets) {
  {
    Store store = open();
    store.cache().put(CacheTable::step, "key", std::string_view("a\0b", 3));
    EXPECT_EQ(store.cache().find(CacheTable::step, "key"), std::string("a\0b", 3));
    EXPECT_FALSE(store.cache().find(CacheTable::explain, "key"));
  }
  { EXPECT_TRUE(open().cache().find(CacheTable::step, "key")); }
  Dir::open_host(temp_.path() / "store").replace_file("cache.db", "this is no database, whatever its name says", 0600);
  Store store = open();
  EXPECT_FALSE(store.cache().find(CacheTable::step, "key"));
  store.cache().put(CacheTable::step, "key", "again");
  EXPECT_EQ(store.cache().find(CacheTable::step, "key"), "again");
}

}  // namespace
}  // namespace imgb
