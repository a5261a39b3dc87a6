// Answers with wrong bytes, of the wrong length, or that can be read in two ways: nothing of them is kept.
#include "tests/unit/registry/blob_fetch.h"

namespace imgb {
namespace {

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

}  // namespace
}  // namespace imgb
