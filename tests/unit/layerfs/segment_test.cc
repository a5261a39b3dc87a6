// Layers are compressed in segments: what that must not change, and what it spares.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "core/base/error.h"
#include "layerfs/codec.h"
#include "layerfs/layer_pipeline.h"
#include "layerfs/layer_writer.h"
#include "layerfs/segment_table.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

std::string text_of(std::size_t bytes, unsigned seed) {
  std::minstd_rand random(seed);
  std::string text;
  while (text.size() < bytes) text += "word " + std::to_string(random() % 5000);
  text.resize(bytes);
  return text;
}

/// 600 files of 10 KB and a large one between them.
std::map<std::string, std::string> sample() {
  std::map<std::string, std::string> files;
  for (unsigned i = 0; i < 600; ++i) files["/d/" + std::to_string(1000 + i)] = text_of(10'000, i);
  files["/d/1300-large"] = text_of(3'500'000, 7);
  return files;
}

class SegmentTest : public testing::Test {
 protected:
  struct Written {
    Layer layer;
    std::size_t reused;
  };
  static Written write(Store& store, const std::map<std::string, std::string>& files,
                       const std::optional<Digest>& earlier = {}, bool claims = true) {
    LayerWriter writer(store, {}, {});
    if (earlier) writer.reuse(*earlier);
    for (const auto& [path, text] : files) {
      TocEntry entry{.path = RootedPath::parse_strict(path), .meta = {.mode = 0644, .size_bytes = text.size()}};
      if (claims) entry.content = Digest::of(text);
      SpanSource bytes(text);
      writer.add(std::move(entry), &bytes);
    }
    Layer layer = writer.finish();
    return {std::move(layer), writer.reused_segments()};
  }
  Layer from_nothing(const std::map<std::string, std::string>& files) {
    Store other = Store::open(folder.path() / "other");
    return write(other, files).layer;
  }

  TempDir folder;
  Store store = Store::open(folder.path() / "store");
};

TEST_F(SegmentTest, AChangedFileCostsItsOwnSegmentAndTheResultIsThatOfABuildFromNothing) {
  auto files = sample();
  Written first = write(store, files, {}, false);
  std::size_t segments = find_segments(store, first.layer.blob.digest).value().size();
  EXPECT_GT(segments, 10u);
  files["/d/1100"] = "now short";
  files["/d/1500"] += " and longer";
  Written second = write(store, files, first.layer.blob.digest);
  EXPECT_EQ(second.layer, from_nothing(files));
  EXPECT_GE(second.reused, segments - 4);
  EXPECT_LT(second.reused, segments);
}

TEST_F(SegmentTest, OnlyOfGzipAreSegmentsRemembered) {
  for (Compression how : {Compression::zstd, Compression::none}) {
    LayerWriter writer(store, {.compression = how}, {});
    for (const char* path : {"/a", "/b"}) {
      std::string text = text_of(9'000'000, *path);
      SpanSource bytes(text);
      writer.add({.path = RootedPath::parse_strict(path), .meta = {.mode = 0644, .size_bytes = text.size()}}, &bytes);
    }
    EXPECT_FALSE(find_segments(store, writer.finish().blob.digest));
  }
}

TEST_F(SegmentTest, AddedAndRemovedFilesKeepTheSegmentsAroundThem) {
  auto files = sample();
  Written first = write(store, files);
  files.erase("/d/1050");
  files["/d/1250-new"] = text_of(20'000, 99);
  Written second = write(store, files, first.layer.blob.digest);
  EXPECT_EQ(second.layer, from_nothing(files));
  EXPECT_GE(second.reused, find_segments(store, first.layer.blob.digest).value().size() - 6);
}

TEST_F(SegmentTest, WhatIsKnownOfFilesBeforeTheyAreReadOnlyMattersForLargeOnes) {
  auto files = sample();
  Written first = write(store, files);
  std::size_t with_claims = write(store, files, first.layer.blob.digest).reused;
  Written without = write(store, files, first.layer.blob.digest, false);
  EXPECT_EQ(without.layer, first.layer);
  EXPECT_EQ(without.reused, with_claims - 3);  // the large one's whole megabytes, whose digest comes after them
}

TEST_F(SegmentTest, ADamagedEarlierBlobIsNotCopied) {
  auto files = sample();
  Written first = write(store, files);
  auto path = folder.path() / "store" / "blobs" / "sha256" / first.layer.blob.digest.hex();
  std::filesystem::permissions(path, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::string bytes(std::filesystem::file_size(path), '\0');
  std::FILE* file = std::fopen(path.c_str(), "r+b");
  ASSERT_TRUE(file);
  std::fseek(file, static_cast<long>(bytes.size() / 2), SEEK_SET);
  std::fwrite(bytes.data(), 1, bytes.size() / 2, file);
  std::fclose(file);
  files["/d/1000"] = "changed";
  Written second = write(store, files, first.layer.blob.digest);
  EXPECT_EQ(second.layer, from_nothing(files));
  EXPECT_GT(second.reused, 0u);
}

TEST_F(SegmentTest, AFileThatIsNotWhatItWasClaimedToBeIsAnError) {
  for (std::size_t size : {5UL, 3'000'000UL}) {
    LayerWriter writer(store, {}, {});
    std::string text = text_of(size, 1);
    TocEntry entry{
        .path = RootedPath::parse_strict("/f"), .meta = {.size_bytes = size}, .content = Digest::of("other")};
    SpanSource bytes(text);
    try {
      writer.add(std::move(entry), &bytes);
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
    }
  }
  EXPECT_TRUE(store.blobs().list().empty());
}

TEST_F(SegmentTest, TheBytesDoNotDependOnTheNumberOfThreads) {
  std::string text = text_of(5'000'000, 3);
  for (auto [how, level] : {std::pair(Compression::gzip, 1), {Compression::gzip, 4}, {Compression::zstd, 1}}) {
    auto blob = [&, how = how, level = level](unsigned packers) {
      LayerPipeline pipeline(store.blobs(), how, level, {}, packers);
      pipeline.write(as_bytes(text));
      return pipeline.finish();
    };
    auto one = blob(1);
    EXPECT_EQ(one.diff_id, Digest::of(text));
    for (unsigned packers : {2u, 5u}) EXPECT_EQ(blob(packers).blob, one.blob) << packers;
    auto bytes = store.blobs().open(one.blob.digest);
    EXPECT_EQ(read_all(*make_decompressor(how, *bytes), 1 << 30, "blob"), text);
  }
}

TEST_F(SegmentTest, NoSegmentAndEmptySegmentsMakeAWholeStream) {
  for (Compression how : {Compression::gzip, Compression::zstd}) {
    LayerPipeline pipeline(store.blobs(), how, {}, {});
    auto result = pipeline.finish();
    auto bytes = store.blobs().open(result.blob.digest);
    EXPECT_EQ(read_all(*make_decompressor(how, *bytes), 10, "blob"), "");
  }
}

TEST(SegmentTable, IsReadAsItWasWritten) {
  SegmentTable table({{Digest::of("b"), {1ULL << 40, 7, 0xffffffff, 3}}, {Digest::of("a"), {0, 1, 2, 4}}});
  SegmentTable again = find_segment_table(render(table)).value();
  EXPECT_EQ(again.size(), 2u);
  EXPECT_EQ(again.find(Digest::of("b")).value().offset, 1ULL << 40);
  EXPECT_EQ(again.find(Digest::of("b")).value().packed_crc, 0xffffffff);
  EXPECT_EQ(again.find(Digest::of("a")).value().raw_crc, 4u);
  EXPECT_FALSE(again.find(Digest::of("c")));
  EXPECT_FALSE(find_segment_table(render(table) + "x"));
  EXPECT_EQ(find_segment_table("").value().size(), 0u);
}

}  // namespace
}  // namespace imgb
