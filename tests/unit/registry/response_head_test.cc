#include "registry/response_head.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

std::optional<ResponseHead> parse(std::initializer_list<std::string> lines) {
  ResponseHeadParser parser;
  for (const std::string& line : lines) {
    if (parser.add_line(line + "\r\n")) return parser.head();
  }
  return std::nullopt;
}

TEST(ResponseHead, FieldsAreReadAndInterimAnswersPassedOver) {
  auto head =
      parse({"HTTP/1.1 103 Early Hints", "Link: x", "", "HTTP/2 206 ", "content-LENGTH:  7 ", "X: a", "X: b", ""});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 206);
  EXPECT_EQ(head->headers.find("Content-Length"), "7");
  EXPECT_EQ(head->headers.all("x").size(), 2u);
  EXPECT_EQ(head->headers.find("Link"), std::nullopt);
}

TEST(ResponseHead, V72_AmbiguousFramingIsRefused) {
  std::initializer_list<std::string> bad[] = {
      {"HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6", ""},
      {"HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 5", ""},
      {"HTTP/1.1 200 OK", "Content-Length: 5, 5", ""},
      {"HTTP/1.1 200 OK", "Content-Length: -1", ""},
      {"HTTP/1.1 200 OK", "Content-Length: +1", ""},
      {"HTTP/1.1 200 OK", "Content-Length: 99999999999999999999", ""},
      {"HTTP/1.1 200 OK", "Content-Length: 5", "Transfer-Encoding: chunked", ""},
      {"HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", ""},
      {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", ""},
      {"HTTP/1.1 200 OK", "X: a", " folded", ""},
      {"HTTP/1.1 200 OK", "X : a", ""},
      {"HTTP/1.1 200 OK", ": a", ""},
      {"HTTP/1.1 200 OK", "no colon", ""},
      {"HTTP/1.1 200 OK", std::string("X: a\0b", 6), ""},
      {"HTTP/1.1 99 x", ""},
      {"HTTP/1.1 abc", ""},
      {"SSH-2.0-OpenSSH", ""},
  };
  for (auto& lines : bad) EXPECT_THROW(parse(lines), TransportError) << *(lines.begin() + 1);
}

TEST(ResponseHead, V66_HeadersAreCappedInterimAnswersIncluded) {
  ResponseHeadParser many;
  EXPECT_THROW(
      {
        many.add_line("HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 10'000; ++i) many.add_line(fmt::format("X-{}: y\r\n", i));
      },
      TransportError);
  ResponseHeadParser flood;
  EXPECT_THROW(
      {
        for (int i = 0; i < 10'000; ++i) {
          flood.add_line("HTTP/1.1 100 Continue\r\n");
          flood.add_line("\r\n");
        }
      },
      TransportError);
  ResponseHeadParser trailers;
  trailers.add_line("HTTP/1.1 200 OK\r\n");
  trailers.add_line("\r\n");
  EXPECT_THROW(
      {
        for (int i = 0; i < 10'000; ++i) trailers.add_line("T: trailer\r\n");
      },
      TransportError);
}

}  // namespace
}  // namespace imgb
