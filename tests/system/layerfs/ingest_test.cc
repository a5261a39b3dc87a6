#include "layerfs/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>

#include "core/base/error.h"
#include "layerfs/toc_store.h"
#include "tests/support/compress.h"
#include "tests/support/tar_forger.h"
#include "tests/support/temp_dir.h"
#include "tests/support/toc_bytes.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

using testing::HasSubstr;

class IngestTest : public testing::Test {
 protected:
  Descriptor put(const std::string& tar, Compression how = Compression::gzip) {
    return write_blob(store.blobs(), compress(how, {}, tar), std::string(oci_layer_type(how)));
  }
  Layer scan(const Descriptor& blob, std::optional<DiffId> want = {}) {
    return scan_layer(store, blob, want, stream_from(store.blobs()), {}, {});
  }
  void expect_failure(const Descriptor& blob, ErrorKind kind, std::string_view reason,
                      std::optional<DiffId> want = {}) {
    try {
      scan(blob, want);
      ADD_FAILURE() << "want: " << reason;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind) << e.what();
      EXPECT_THAT(e.what(), HasSubstr(reason));
      EXPECT_THAT(e.what(), HasSubstr(blob.digest.str()));
    }
    EXPECT_TRUE(store.folder("tocs").list().empty());
  }

  TempDir folder;
  Store store = Store::open(folder.path() / "store");
};

TEST_F(IngestTest, FindsInABlobWhatItsWriterWroteDown) {
  TreeBuilder tree;
  tree.dir("/d", 01777).owner(5, 3'000'000).file("/d/f", std::string(2'500'000, 'x'), 04755).xattr("user.a", "b");
  tree.hard_link("/d/g", "/d/f").symlink("/s", "d/f").removed("/gone").opaque("/o").mtime(0).file("/caf\xc3\xa9", "1");
  tree.device("/null", FileType::character_device, 0x103).file("/" + std::string(200, 'l') + "/f", "");
  for (Compression how : {Compression::none, Compression::gzip, Compression::zstd}) {
    Layer written = tree.write_layer(store, {.compression = how});
    std::string kept = toc_bytes(*find_toc(store, key_of(written)));
    remove_toc(store, key_of(written));
    EXPECT_EQ(scan(written.blob).diff_id, written.diff_id);
    auto found = find_toc(store, key_of(written));
    std::vector<TocEntry> before, after;
    for (const TocEntry& e : toc_of_bytes(kept)) before.push_back(e);
    for (const TocEntry& e : *found) after.push_back(e);
    ASSERT_EQ(before.size(), after.size());
    for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i], after[i]) << before[i].path.str();
  }
}

TEST_F(IngestTest, ATableOfContentsIsMadeAgainWhenItIsMissingOrTorn) {
  Layer layer = TreeBuilder().file("/a", "1").write_layer(store);
  Dir tocs = store.folder("tocs");
  tocs.replace_file(key_of(layer).digest.hex(), "torn", 0600);
  EXPECT_EQ(toc_of(store, layer, {})->size(), 1u);
  remove_toc(store, key_of(layer));
  EXPECT_EQ((*toc_of(store, layer, {}))[0].content, Digest::of("1"));
}

TEST_F(IngestTest, WhatWasSaidOfOneBlobIsNotBelievedOfAnother) {
  Layer honest = TreeBuilder().file("/a", "1").write_layer(store, {.compression = Compression::gzip});
  Toc lie = *find_toc(store, key_of(TreeBuilder().file("/a", "evil").write_layer(store)));
  Layer liar{put("any"), honest.diff_id};
  remove_toc(store, key_of(honest));
  keep_toc(store, key_of(liar), lie);
  EXPECT_EQ(scan(honest.blob, honest.diff_id), honest);
  EXPECT_EQ((*toc_of(store, honest, {}))[0].content, Digest::of("1"));
}

TEST_F(IngestTest, AWrongDiffIdIsCorruptAndKeepsNothing) {
  Descriptor blob = put(TarForger().file("a").finish());
  expect_failure(blob, ErrorKind::corrupt, "DiffId mismatch", DiffId{Digest::of("other")});
}

TEST_F(IngestTest, HostileTarsAreRefusedWithLayerEntryAndReason) {
  expect_failure(put(TarForger().file("../../pwn").finish()), ErrorKind::input, "entry ../../pwn: \"..\" in a name");
  std::string sum = TarForger().file("a").finish();
  sum[0] = 'b';
  expect_failure(put(sum), ErrorKind::input, "wrong checksum");
  expect_failure(put(TarForger().file("a", "x").without_end().substr(0, 800)), ErrorKind::corrupt, "cut short");
}

TEST_F(IngestTest, DamagedOrCutBlobsAreCorruptWhereverTheyAreCut) {
  std::string tar = TarForger().file("a", std::string(100'000, 'x')).finish();
  for (Compression how : {Compression::gzip, Compression::zstd}) {
    std::string whole = compress(how, {}, tar);
    for (std::size_t sixteenth = 1; sixteenth < 16; ++sixteenth) {
      std::string cut = whole.substr(0, whole.size() * sixteenth / 16);
      expect_failure(write_blob(store.blobs(), cut, std::string(oci_layer_type(how))), ErrorKind::corrupt, "");
    }
  }
}

TEST_F(IngestTest, TheBytesDecideHowTheyAreCompressedNotTheMediaType) {
  Descriptor blob = put(TarForger().file("a").finish(), Compression::zstd);
  blob.media_type = std::string(media_type::kOciLayer);
  EXPECT_EQ(scan(blob).diff_id.digest, Digest::of(TarForger().file("a").finish()));
}

TEST_F(IngestTest, JunkBehindTheEndCountsForTheDiffId) {
  std::string tar = TarForger().file("a").finish() + std::string(10'000'000, 'j');
  EXPECT_EQ(scan(put(tar)).diff_id.digest, Digest::of(tar));
}

TEST_F(IngestTest, AnEmptyBlobIsAnEmptyTar) {
  Layer layer = scan(write_blob(store.blobs(), "", std::string(media_type::kOciLayer)));
  EXPECT_EQ(layer.diff_id.digest, Digest::of(""));
}

TEST_F(IngestTest, V20ABombStopsAtTheLimit) {
  std::string zeros(50'000'000, '\0');
  Descriptor blob = put(TarForger().file("zeros", zeros).finish());
  IngestLimits limits{.max_layer_bytes = 10'000'000};
  try {
    scan_layer(store, blob, {}, stream_from(store.blobs()), limits, {});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_THAT(e.what(), HasSubstr("larger than"));
  }
}

TEST_F(IngestTest, AFailingStreamPassesThroughAndLeavesNoChild) {
  Descriptor blob = put(TarForger().file("a").finish());
  StreamBlob stream = [](const Descriptor&, Sink& into) {
    into.write(as_bytes(std::string(100'000, '\x1f')));
    throw_error(ErrorKind::unavailable, "connection reset");
  };
  try {
    scan_layer(store, blob, {}, stream, {}, {});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::unavailable);
  }
}

TEST_F(IngestTest, ReadsOneFileOutOfALayer) {
  Layer layer = TreeBuilder().file("/a", std::string(1'000'000, 'a')).file("/b", "hello").write_layer(store);
  TreeView tree = TreeView().with(toc_of(store, layer, {}));
  EXPECT_EQ(read_from_layer(store, layer, *tree.find(RootedPath::parse_strict("/b")), 100), "hello");
  EXPECT_THROW(read_from_layer(store, layer, *tree.find(RootedPath::parse_strict("/a")), 100), Error);
}

TEST_F(IngestTest, AFileOfABlobThatWasDamagedSinceIsCorruptAndNotBelieved) {
  Layer layer = TreeBuilder().file("/etc/passwd", "web:x:1000:").write_layer(store, {.compression = Compression::none});
  TreeView tree = TreeView().with(toc_of(store, layer, {}));
  Dir blobs = store.root().open_dir("blobs/sha256");
  std::string bytes = blobs.read_file(layer.blob.digest.hex(), 1 << 20);
  bytes[bytes.find("1000")] = '0';
  blobs.replace_file(layer.blob.digest.hex(), bytes, 0444);
  try {
    read_from_layer(store, layer, *tree.find(RootedPath::parse_strict("/etc/passwd")), 100);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::corrupt);
    EXPECT_THAT(e.what(), HasSubstr("/etc/passwd"));
  }
}

TEST_F(IngestTest, AStopIsHeardWhileTheBlobStillStreams) {
  std::stop_source stop;
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  StreamBlob endless = [&](const Descriptor&, Sink& into) {
    into.write(as_bytes(TarForger().file("f").patch(512, 124, "77777777777").without_end()));
    std::string piece(100'000, 'x');
    while (std::chrono::steady_clock::now() < deadline) {
      into.write(as_bytes(piece));
      stop.request_stop();
    }
  };
  Descriptor blob = put(TarForger().file("a").finish(), Compression::none);
  try {
    scan_layer(store, blob, {}, endless, {}, stop.get_token());
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled) << e.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now(), deadline);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child is left
}

}  // namespace
}  // namespace imgb
