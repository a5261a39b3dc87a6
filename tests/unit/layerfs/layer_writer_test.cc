#include "layerfs/layer_writer.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "layerfs/codec.h"
#include "layerfs/toc_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

class LayerWriterTest : public testing::Test {
 protected:
  std::string tar_of(const Layer& layer) {
    auto blob = store.blobs().open(layer.blob.digest);
    auto source = make_decompressor(*compression_of_layer(layer.blob.media_type), *blob);
    return read_all(*source, 1 << 30, "layer");
  }
  static TreeBuilder sample() {
    TreeBuilder tree;
    tree.dir("/etc").file("/etc/passwd", "root:x:0:0::/:/bin/sh\n").hard_link("/etc/passwd-", "/etc/passwd");
    tree.symlink("/bin", "usr/bin").removed("/old").opaque("/var").file("/big", std::string(3'000'000, 'x'));
    return tree;
  }

  TempDir folder;
  Store store = Store::open(folder.path() / "store");
};

TEST_F(LayerWriterTest, BlobDigestSizeAndDiffIdAreThoseOfTheBytes) {
  for (Compression how : {Compression::none, Compression::gzip, Compression::zstd}) {
    Layer layer = sample().write_layer(store, {.compression = how});
    EXPECT_EQ(layer.blob.media_type, oci_layer_type(how));
    EXPECT_EQ(Digest::of(tar_of(layer)), layer.diff_id.digest);
    EXPECT_EQ(store.blobs().find_size(layer.blob.digest), layer.blob.size_bytes);
  }
}

TEST_F(LayerWriterTest, TheTableOfContentsIsKeptAndPointsAtTheBytes) {
  Layer layer = sample().write_layer(store);
  auto toc = find_toc(store, key_of(layer));
  ASSERT_TRUE(toc);
  check(*toc);
  std::string tar = tar_of(layer);
  TocEntry passwd = (*toc)[*toc->find("/etc/passwd", TocEntry::Kind::file)];
  EXPECT_EQ(tar.substr(passwd.data_offset, passwd.meta.size_bytes), "root:x:0:0::/:/bin/sh\n");
  EXPECT_EQ(passwd.content, Digest::of("root:x:0:0::/:/bin/sh\n"));
}

TEST_F(LayerWriterTest, AnEmptyLayerIsTwoBlocksOfZeros) {
  EXPECT_EQ(tar_of(TreeBuilder().write_layer(store)), std::string(1024, '\0'));
}

TEST_F(LayerWriterTest, TheSameTreeGivesTheSameBytes) {
  Layer first = sample().write_layer(store);
  TempDir other;
  Store second_store = Store::open(other.path() / "store");
  EXPECT_EQ(sample().write_layer(second_store), first);
}

TEST_F(LayerWriterTest, TimesAreWholeSecondsBetween1970AndTheGivenLimit) {
  constexpr FileTime kSecond = 1'000'000'000;
  TreeBuilder tree;
  tree.file("/early", "")
      .mtime(-5 * kSecond)
      .file("/late", "")
      .mtime(900 * kSecond + 7)
      .file("/mid", "")
      .mtime(3 * kSecond + 9);
  Layer layer = tree.write_layer(store, {.max_mtime = 100 * kSecond});
  auto toc = find_toc(store, key_of(layer));
  EXPECT_EQ((*toc)[0].meta.mtime, 0);
  EXPECT_EQ((*toc)[1].meta.mtime, 100 * kSecond);
  EXPECT_EQ((*toc)[2].meta.mtime, 3 * kSecond);
}

TEST_F(LayerWriterTest, AFileThatChangesWhileItIsReadIsAnError) {
  for (std::string_view data : {"shor", "longer"}) {
    LayerWriter writer(store, {}, {});
    TocEntry entry = TreeBuilder().file("/f", "12345").entries().front();
    SpanSource source(data);
    try {
      writer.add(entry, &source);
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
    }
  }
  EXPECT_TRUE(store.blobs().list().empty());
}

TEST_F(LayerWriterTest, AVouchedDigestIsTakenAndTheLayerIsThatOfHashedFiles) {
  auto write = [&](LayerWriter::Claim claim) {
    LayerWriter writer(store, {}, {});
    SpanSource data("abc");
    writer.add({.path = RootedPath::clean("/f"), .meta = {.size_bytes = 3}, .content = Digest::of("abc")}, &data,
               claim);
    return writer.finish();
  };
  Layer hashed = write(LayerWriter::Claim::checked);
  EXPECT_EQ(write(LayerWriter::Claim::vouched), hashed);
  auto toc = find_toc(store, key_of(hashed));
  EXPECT_EQ((*toc)[0].content, Digest::of("abc"));
}

TEST_F(LayerWriterTest, EntriesOutOfOrderAreOurBug) {
  LayerWriter writer(store, {}, {});
  writer.add(TreeBuilder().dir("/b").entries().front());
  EXPECT_THROW(writer.add(TreeBuilder().dir("/a").entries().front()), Error);
  EXPECT_THROW(writer.add(TreeBuilder().removed("/b").entries().front()), Error);
}

TEST_F(LayerWriterTest, StoppingEndsTheWriterInTheMiddle) {
  std::stop_source stop;
  LayerWriter writer(store, {}, stop.get_token());
  stop.request_stop();
  std::string data(100'000'000, 'x');
  SpanSource source(data);
  TocEntry entry = TreeBuilder().file("/f", data).entries().front();
  try {
    writer.add(entry, &source);
    writer.finish();
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
}

}  // namespace
}  // namespace imgb
