// Where the bytes of a blob go, and how those who want one share the work.
#include <thread>

#include "core/base/task.h"
#include "core/store/store.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/registry/blob_fetch.h"

namespace imgb {
namespace {

TEST_F(BlobFetch, BytesReachStoreAndTapWhileTheyStream) {
  fetch();
  expect_fetched();
  EXPECT_EQ(tap.restarts, 0);
  EXPECT_EQ(registry.count("GET", "/blobs/"), 1u);
}

TEST_F(BlobFetch, ABlobInTheStoreIsNotAskedForAndStillReachesTheTap) {
  write_blob(store, bytes, kLayer);
  fetch();
  expect_fetched();
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(BlobFetch, TheEmptyBlobNeedsNoRequest) {
  Descriptor empty{kLayer, Digest::of(""), 0, {}, {}, {}};
  client.fetch_blob(name(), empty, store, nullptr, nullptr, {});
  EXPECT_EQ(store.find_size(empty.digest), 0u);
}

TEST_F(BlobFetch, AFullDiskIsNotTheRegistrysFault) {
  struct Full : RecordingTap {
    void write(std::span<const std::byte>) override { throw SystemError(ENOSPC, "write snapshot"); }
  } full;
  std::string text = error_of(ErrorKind::system, [&] { client.fetch_blob(name(), blob, store, &full, nullptr, {}); });
  EXPECT_NE(text.find("No space left"), std::string::npos) << text;
  EXPECT_EQ(registry.count("GET", "/blobs/"), 1u);
}

TEST_F(BlobFetch, ADownloadBrokenEarlierIsResumedAndTheTapStillGetsAllOfIt) {
  TempDir folder;
  Store disk = Store::open(folder.path() / "store");
  registry.add_fault({.method = "GET", .path = "/blobs/", .cut_at = 50'000});
  registry.add_fault({.method = "GET", .path = "/blobs/", .times = 5, .cut_at = 0});
  error_of(ErrorKind::unavailable, [&] { client.fetch_blob(name(), blob, disk.blobs(), nullptr, nullptr, {}); });
  registry.clear_faults();
  registry.forget_requests();
  client.fetch_blob(name(), blob, disk.blobs(), &tap, nullptr, {});
  EXPECT_TRUE(tap.text == bytes);
  EXPECT_EQ(tap.restarts, 0);
  ASSERT_EQ(registry.count("GET", "/blobs/"), 1u);
  EXPECT_NE(registry.requests().front().header("Range"), "");
}

TEST_F(BlobFetch, V55_WrongBytesLeftByABrokenDownloadAreFoundOutAndReplaced) {
  TempDir folder;
  Store disk = Store::open(folder.path() / "store");
  registry.add_fault(
      {.method = "GET", .path = "/blobs/", .change = [](FakeReply& reply) { reply.body[0] ^= 1; }, .cut_at = 50'000});
  registry.add_fault({.method = "GET", .path = "/blobs/", .times = 5, .cut_at = 0});
  error_of(ErrorKind::unavailable, [&] { client.fetch_blob(name(), blob, disk.blobs(), nullptr, nullptr, {}); });
  registry.clear_faults();
  client.fetch_blob(name(), blob, disk.blobs(), &tap, nullptr, {});
  EXPECT_TRUE(tap.text == bytes);
}

TEST_F(BlobFetch, ManyWhoWantOneBlobDownloadItOnce) {
  TempDir folder;
  Store made = Store::open(folder.path() / "store");
  std::vector<RecordingTap> taps(6);
  registry.add_fault({.method = "GET", .path = "/blobs/", .cut_at = 100'000});
  {
    std::vector<std::jthread> threads;
    for (auto& each : taps) {
      threads.emplace_back([&] {
        Store disk = Store::open(folder.path() / "store");
        World mine;
        mine.client.fetch_blob(name(), blob, disk.blobs(), &each, nullptr, {});
      });
    }
  }
  for (auto& each : taps) EXPECT_TRUE(each.text == bytes);
  EXPECT_EQ(registry.count("GET", "/blobs/"), 2u);
}

}  // namespace
}  // namespace imgb
