#include "registry/server/request.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb::server {
namespace {

RequestHead read(std::string_view text) {
  RequestReader reader;
  reader.read_head(text);
  EXPECT_TRUE(reader.has_head());
  return reader.take_head();
}

TEST(Request, HeadsArriveInAnyPieces) {
  std::string text = "GET /v2/?x=%20 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n";
  RequestReader reader;
  std::string pending;
  for (char c : text) {
    ASSERT_FALSE(reader.has_head());
    pending += c;
    pending.erase(0, reader.read_head(pending));
  }
  ASSERT_TRUE(reader.has_head());
  RequestHead head = reader.take_head();
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/v2/?x=%20");
  EXPECT_EQ(head.headers.find("range"), "bytes=0-1");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.has_body);
}

TEST(Request, TheNextRequestIsLeftWhereItIs) {
  std::string one = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", two = "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
  RequestReader reader;
  EXPECT_EQ(reader.read_head(one + two), one.size());
  EXPECT_EQ(reader.take_head().target, "/a");
  EXPECT_TRUE(reader.at_end());
}

TEST(Request, BodiesEndWhereTheirLengthSays) {
  std::string text = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /";
  RequestReader reader;
  std::size_t at = reader.read_head(text);
  RequestHead head = reader.take_head();
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_TRUE(head.has_body);
  std::array<std::byte, 64> into{};
  auto piece = reader.read_body(std::string_view(text).substr(at), into);
  EXPECT_EQ(as_text(std::span(into).first(piece.got)), "hello");
  EXPECT_EQ(piece.used, 5U);
  EXPECT_TRUE(reader.at_end());
}

TEST(Request, ChunksAreJoined) {
  std::string text =
      "PATCH /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n8;x=y\r\ndefghijk\r\n0\r\n\r\nGET";
  for (std::size_t room : {1U, 4U, 64U}) {
    RequestReader reader;
    std::string_view rest = std::string_view(text).substr(reader.read_head(text));
    EXPECT_FALSE(reader.take_head().content_length);
    std::string body;
    std::vector<std::byte> into(room);
    while (!reader.at_end()) {
      auto piece = reader.read_body(rest, into);
      ASSERT_TRUE(piece.used || piece.got);
      body += as_text(std::span(into).first(piece.got));
      rest.remove_prefix(piece.used);
    }
    EXPECT_EQ(body, "abcdefghijk");
    EXPECT_EQ(rest, "GET");
  }
}

TEST(Request, AmbiguousOnesAreRefused) {
  for (const char* text :
       {"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "GET /a HTTP/1.1\r\nA b: c\r\n\r\n", "GET /a HTTP/9.9\r\n\r\n"}) {
    RequestReader reader;
    EXPECT_THROW(reader.read_head(text), Error) << text;
  }
}

TEST(Request, V101HeadsAreOfLimitedLength) {
  std::string text = "GET /a HTTP/1.1\r\n";
  while (text.size() < 2 * kMaxRequestHeadBytes) text += "X-Header: yyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
  RequestReader reader;
  try {
    reader.read_head(text + "\r\n");
    FAIL() << "it was taken";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::denied) << e.what();
  }
}

TEST(Request, OldClientsCloseUnlessTheySayOtherwise) {
  EXPECT_FALSE(read("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_FALSE(read("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_TRUE(read("PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").expects_continue);
}

}  // namespace
}  // namespace imgb::server
