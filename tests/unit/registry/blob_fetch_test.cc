#include <thread>

#include "core/base/task.h"
#include "core/base/text.h"
#include "core/store/store.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

class BlobFetch : public testing::Test, public World {
 protected:
  BlobFetch() : World(impatient()) {}
  Reference name() const { return Reference::parse(registry.host() + "/app:1"); }
  void fetch() { client.fetch_blob(name(), blob, store, &tap, nullptr, {}); }
  std::string stored() {
    auto source = store.open(blob.digest);
    return read_all(*source, 1 << 24, "blob");
  }
  void expect_fetched() {
    EXPECT_TRUE(stored() == bytes);
    EXPECT_TRUE(tap.text == bytes) << tap.text.size();
  }
  void expect_nothing_kept() { EXPECT_EQ(store.find_size(blob.digest), std::nullopt); }

  FakeRegistry registry;
  std::string bytes = some_bytes(300'000);
  Descriptor blob = registry.add_blob(bytes, kLayer);
  RecordingTap tap;
};

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

TEST_F(BlobFetch, V55_WrongBytesAreFetchedAgainAndTheTapStartsAgain) {
  registry.add_fault(
      {.method = "GET", .path = "/blobs/", .change = [](FakeReply& reply) { reply.body[150'000] ^= 1; }});
  fetch();
  expect_fetched();
  EXPECT_EQ(tap.restarts, 1);
}

TEST_F(BlobFetch, V55_BytesThatStayWrongAreAnErrorThatNamesThemAndNothingIsKept) {
  registry.add_fault(
      {.method = "GET", .path = "/blobs/", .times = -1, .change = [](FakeReply& reply) { reply.body[0] ^= 1; }});
  std::string text = error_of(ErrorKind::corrupt, [&] { fetch(); });
  EXPECT_NE(text.find(registry.host()), std::string::npos) << text;
  EXPECT_NE(text.find(blob.digest.str()), std::string::npos) << text;
  EXPECT_NE(text.find("got sha256:"), std::string::npos) << text;
  EXPECT_EQ(registry.count("GET", "/blobs/"), 3u);
  expect_nothing_kept();
}

TEST_F(BlobFetch, V55_ATapThatChokesOnWrongBytesIsGivenTheRightOnes) {
  struct Choking : RecordingTap {
    void write(std::span<const std::byte> data) override {
      if (as_text(data).find("WRONG") != std::string_view::npos) throw_error(ErrorKind::corrupt, "not gzip");
      RecordingTap::write(data);
    }
  } choking;
  registry.add_fault(
      {.method = "GET", .path = "/blobs/", .change = [](FakeReply& reply) { reply.body.replace(0, 5, "WRONG"); }});
  client.fetch_blob(name(), blob, store, &choking, nullptr, {});
  EXPECT_TRUE(choking.text == bytes);
  EXPECT_EQ(choking.restarts, 1);
}

TEST_F(BlobFetch, ATapThatRefusesRightBytesIsNotTheRegistrysFault) {
  struct Refusing : RecordingTap {
    void write(std::span<const std::byte>) override { throw_error(ErrorKind::corrupt, "entry leaves its root"); }
  } refusing;
  std::string text =
      error_of(ErrorKind::corrupt, [&] { client.fetch_blob(name(), blob, store, &refusing, nullptr, {}); });
  EXPECT_NE(text.find("entry leaves its root"), std::string::npos) << text;
  EXPECT_EQ(registry.count("GET", "/blobs/"), 1u);
  EXPECT_EQ(store.find_size(blob.digest), blob.size_bytes);  // the bytes were right
}

TEST_F(BlobFetch, V56_ALengthThatIsNotTheBlobsIsRefusedBeforeTheBody) {
  for (const char* length : {"299999", "300001", "9000000000000000000"}) {
    registry.clear_faults();
    registry.add_fault({.method = "GET", .path = "/blobs/", .times = -1, .headers = {{"Content-Length", length}}});
    std::string text = error_of(ErrorKind::corrupt, [&] { fetch(); });
    EXPECT_NE(text.find("want 300000"), std::string::npos) << text;
    expect_nothing_kept();
  }
}

TEST_F(BlobFetch, V56_AnEndlessBodyStopsAtTheFirstByteTooMany) {
  for (std::uint64_t right : {blob.size_bytes, blob.size_bytes / 2}) {
    registry.clear_faults();
    registry.forget_requests();
    registry.add_fault({.method = "GET", .path = "/blobs/", .times = -1, .endless_after = right});
    error_of(ErrorKind::corrupt, [&] { fetch(); });
    expect_nothing_kept();
    EXPECT_EQ(registry.count("GET", "/blobs/"), 3u);
  }
}

TEST_F(BlobFetch, V56_AShortBodyWithAnHonestEndIsAskedForTheRest) {
  registry.add_fault({.method = "GET",
                      .path = "/blobs/",
                      .change = [](FakeReply& reply) { reply.body.resize(1000); },
                      .chunked = true});
  fetch();
  expect_fetched();
  EXPECT_EQ(registry.requests().back().header("Range"), "bytes=1000-");
}

TEST_F(BlobFetch, F8_ChunkedBodiesAreRightAndChunkedGarbageIsTriedAgain) {
  registry.add_fault({.method = "GET",
                      .path = "/blobs/",
                      .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ngarbage\r\n"});
  registry.add_fault({.method = "GET",
                      .path = "/blobs/",
                      .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n"});
  registry.add_fault({.method = "GET", .path = "/blobs/", .chunked = true});
  fetch();
  expect_fetched();
}

TEST_F(BlobFetch, V72_AmbiguousAnswersAreNotTaken) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n";
  registry.add_fault({.method = "GET", .path = "/blobs/", .raw = head + "Content-Length: 5\r\n\r\n" + bytes});
  registry.add_fault({.method = "GET", .path = "/blobs/", .raw = head + "Transfer-Encoding: chunked\r\n\r\n" + bytes});
  registry.add_fault({.method = "GET", .path = "/blobs/", .raw = head + "X: a\r\n folded\r\n\r\n" + bytes});
  fetch();
  expect_fetched();
  EXPECT_EQ(registry.count("GET", "/blobs/"), 4u);
}

TEST_F(BlobFetch, V66_HugeHeadersEndTheAnswer) {
  std::string huge = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 10'000; ++i) huge += fmt::format("X-{}: {}\r\n", i, std::string(90, 'y'));
  registry.add_fault({.method = "GET", .path = "/blobs/", .raw = huge});
  registry.add_fault({.method = "GET", .path = "/blobs/", .raw = "HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'y')});
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += "HTTP/1.1 103 Early Hints\r\n\r\n";
  registry.add_fault({.method = "GET", .path = "/blobs/", .raw = flood});
  fetch();
  expect_fetched();
}

TEST_F(BlobFetch, V66_ContentEncodingIsNotUndone) {
  registry.add_fault({.method = "GET", .path = "/blobs/", .headers = {{"Content-Encoding", "gzip"}}});
  fetch();
  expect_fetched();
  EXPECT_EQ(registry.requests().front().header("Accept-Encoding"), "identity");
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

TEST_F(BlobFetch, StoppingEndsASilentDownloadWithin100Ms) {
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
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::milliseconds(100));
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

TEST_F(BlobFetch, SeveralBlobsComeAtOnceOverFewConnections) {
  std::vector<RecordingTap> taps(12);
  std::vector<BlobWish> wishes;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    wishes.push_back({registry.add_blob(some_bytes(10'000 + i), kLayer), &taps[i]});
  }
  fetch_blobs(client, name(), wishes, store, 4, nullptr, {});
  for (std::size_t i = 0; i < taps.size(); ++i) EXPECT_TRUE(taps[i].text == some_bytes(10'000 + i));
}

TEST_F(BlobFetch, OneMissingBlobStopsTheOthers) {
  std::vector<BlobWish> wishes;
  wishes.push_back({Descriptor{kLayer, Digest::of("absent"), 6, {}, {}, {}}, nullptr});
  wishes.push_back({blob, nullptr});
  error_of(ErrorKind::not_found, [&] { fetch_blobs(client, name(), wishes, store, 1, nullptr, {}); });
  EXPECT_EQ(store.find_size(blob.digest), std::nullopt);
}

}  // namespace
}  // namespace imgb
