// Connections that break, stall or are refused: what is tried again, from where, and when it is over.
#include <chrono>
#include <thread>

#include "tests/unit/registry/blob_fetch.h"

namespace imgb {
namespace {

TEST_F(BlobFetch, F7_ACutDownloadGoesOnWhereItStopped) {
  for (std::uint64_t at :
       {std::uint64_t{0}, std::uint64_t{1}, blob.size_bytes / 2, blob.size_bytes * 99 / 100, blob.size_bytes - 1}) {
    store.remove(blob.digest);
    tap = {};
    registry.clear_faults();
    registry.forget_requests();
    registry.add_fault({.method = "GET", .path = "/blobs/", .cut_at = at});
    fetch();
    expect_fetched();
    EXPECT_EQ(tap.restarts, 0) << "cut at " << at;
    auto requests = registry.requests();
    ASSERT_EQ(requests.back().header("Range"), at == 0 ? "" : fmt::format("bytes={}-", at));
  }
}

TEST_F(BlobFetch, F7_ARegistryThatCutsForEverGetsSixTriesWithGrowingWaits) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .times = -1, .cut_at = 1});
  std::string text = error_of(ErrorKind::unavailable, [&] { fetch(); });
  EXPECT_NE(text.find("after 6 attempts"), std::string::npos) << text;
  EXPECT_NE(text.find(registry.host()), std::string::npos) << text;
  EXPECT_EQ(registry.count("GET", "/blobs/"), 6u);
  ASSERT_EQ(waits.size(), 5u);
  EXPECT_GT(waits[4], waits[0]);
  expect_nothing_kept();
}

TEST_F(BlobFetch, F7_ARegistryWithoutRangesSendsAllAgainAndTheTapSeesItOnce) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .cut_at = 100'000});
  registry.add_fault({.method = "GET", .path = "/blobs/", .times = -1, .no_ranges = true});
  fetch();
  expect_fetched();
  EXPECT_EQ(tap.restarts, 0);
}

TEST_F(BlobFetch, F9_ARefusedRangeIsAskedForAsAWhole) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .cut_at = 100'000});
  registry.add_fault({.method = "GET", .path = "/blobs/", .status = 416});
  fetch();
  expect_fetched();
  EXPECT_EQ(registry.requests().back().header("Range"), "");
}

TEST_F(BlobFetch, ARangeOtherThanTheOneAskedForIsNotBelieved) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .cut_at = 100'000});
  registry.add_fault({.method = "GET", .path = "/blobs/", .change = [](FakeReply& reply) {
                        reply.headers.set("Content-Range", "bytes 200000-299999/300000");
                      }});
  fetch();
  expect_fetched();
}

TEST_F(BlobFetch, F9_TemporaryStatusesAreWaitedForAsTold) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .status = 429, .headers = {{"Retry-After", "7"}}});
  registry.add_fault({.method = "GET", .path = "/blobs/", .status = 503, .headers = {{"Retry-After", "99999"}}});
  registry.add_fault({.method = "GET", .path = "/blobs/", .status = 500});
  registry.add_fault({.method = "GET", .path = "/blobs/", .status = 502});
  fetch();
  expect_fetched();
  ASSERT_EQ(waits.size(), 4u);
  EXPECT_EQ(waits[0], std::chrono::seconds(7));
  EXPECT_EQ(waits[1], std::chrono::seconds(60));
}

TEST_F(BlobFetch, F9_FinalStatusesNameRegistryAndStatus) {
  for (int status : {403, 404, 410}) {
    registry.clear_faults();
    registry.forget_requests();
    registry.add_fault({.method = "GET", .path = "/blobs/", .times = -1, .status = status});
    std::string text = error_of(status == 403   ? ErrorKind::denied
                                : status == 404 ? ErrorKind::not_found
                                                : ErrorKind::unavailable,
                                [&] { fetch(); });
    EXPECT_NE(text.find(std::to_string(status)), std::string::npos) << text;
    EXPECT_NE(text.find(registry.host()), std::string::npos) << text;
    EXPECT_EQ(registry.count("GET", "/blobs/"), 1u);
  }
}

TEST_F(BlobFetch, F9_AnEmpty200IsNotTheBlob) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .body = ""});
  fetch();
  expect_fetched();
}

TEST_F(BlobFetch, F10_SilenceAndTricklesEndInAStallThenInAnotherTry) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .silent = true});
  registry.add_fault({.method = "GET", .path = "/blobs/", .byte_every = std::chrono::milliseconds(10)});
  fetch();
  expect_fetched();
  EXPECT_EQ(tap.restarts, 0);
}

TEST_F(BlobFetch, F10_AResetConnectionIsTriedAgain) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .reset = true});
  fetch();
  expect_fetched();
}

TEST_F(BlobFetch, ASlowTapIsNoStall) {
  struct Slow : RecordingTap {
    void write(std::span<const std::byte> data) override {
      if (text.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(400));  // longer than the stall limit
      RecordingTap::write(data);
    }
  } slow;
  client.fetch_blob(name(), blob, store, &slow, nullptr, {});
  EXPECT_TRUE(slow.text == bytes);
  EXPECT_EQ(registry.count("GET", "/blobs/"), 1u);
}

TEST_F(BlobFetch, StoppingEndsASilentDownloadLongBeforeItCountsAsStalled) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .times = -1, .silent = true});
  World patient;
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::jthread stopper([&] {
    while (registry.count("GET", "/blobs/") == 0) std::this_thread::yield();
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  error_of(ErrorKind::cancelled,
           [&] { patient.client.fetch_blob(name(), blob, patient.store, nullptr, nullptr, stop.get_token()); });
  stopper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(10));
}

}  // namespace
}  // namespace imgb
