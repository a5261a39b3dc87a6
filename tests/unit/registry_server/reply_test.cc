#include "registry/server/reply.h"

#include <gtest/gtest.h>

#include "core/base/text.h"

namespace imgb::server {
namespace {

ContentAnswer ask(Headers headers, std::uint64_t size = 100) { return answer_content({"\"sha256:x\"", size}, headers); }

TEST(Content, WithoutConditionsTheWholeComes) {
  ContentAnswer answer = ask({});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.length, 100U);
}

TEST(Content, RangesGiveTheirPart) {
  struct Case {
    const char* range;
    int status;
    std::uint64_t first, length;
    const char* content_range;
  };
  for (const Case& c : {Case{"bytes=0-0", 206, 0, 1, "bytes 0-0/100"},
                        {"bytes=10-19", 206, 10, 10, "bytes 10-19/100"},
                        {"bytes=90-", 206, 90, 10, "bytes 90-99/100"},
                        {"bytes=-5", 206, 95, 5, "bytes 95-99/100"},
                        {"bytes=-500", 206, 0, 100, "bytes 0-99/100"},
                        {"bytes=50-500", 206, 50, 50, "bytes 50-99/100"},
                        {"bytes=100-", 416, 0, 0, "bytes */100"},
                        {"bytes=-0", 416, 0, 0, "bytes */100"},
                        {"bytes=9-1", 200, 0, 100, ""},
                        {"bytes=a-b", 200, 0, 100, ""},
                        {"lines=1-2", 200, 0, 100, ""},
                        {"bytes=0-0,1-1", 200, 0, 100, ""},
                        {"bytes=", 200, 0, 100, ""},
                        {"bytes=18446744073709551616-", 200, 0, 100, ""}}) {
    ContentAnswer answer = ask({{"Range", c.range}});
    EXPECT_EQ(answer.status, c.status) << c.range;
    EXPECT_EQ(answer.first, c.first) << c.range;
    EXPECT_EQ(answer.length, c.length) << c.range;
    EXPECT_EQ(answer.content_range, c.content_range) << c.range;
  }
}

TEST(Content, V101TenThousandRangesGiveTheWholeOnce) {
  std::string ranges = "bytes=0-0";
  for (int i = 1; i < 10'000; ++i) ranges += fmt::format(",{}-{}", i, i);
  EXPECT_EQ(ask({{"Range", ranges}}).status, 200);
}

TEST(Content, WhatTheClientHasIsNotSentAgain) {
  EXPECT_EQ(ask({{"If-None-Match", "\"sha256:x\""}}).status, 304);
  EXPECT_EQ(ask({{"If-None-Match", "W/\"a\", W/\"sha256:x\""}}).status, 304);
  EXPECT_EQ(ask({{"If-None-Match", "*"}}).status, 304);
  EXPECT_EQ(ask({{"If-None-Match", "\"sha256:y\""}}).status, 200);
  EXPECT_EQ(ask({{"If-Match", "\"sha256:y\""}}).status, 412);
}

TEST(Content, ARangeOfAnotherVersionGivesTheWhole) {
  EXPECT_EQ(ask({{"Range", "bytes=1-2"}, {"If-Range", "\"sha256:y\""}}).status, 200);
  EXPECT_EQ(ask({{"Range", "bytes=1-2"}, {"If-Range", "\"sha256:x\""}}).status, 206);
}

TEST(Reply, NothingInAHeaderEndsItsLine) {
  Reply reply;
  reply.with("X", "a\r\nSet-Cookie: b\n\x01");
  std::string head = render_head(reply, true);
  EXPECT_EQ(head.find("\r\nSet-Cookie"), std::string::npos) << head;
  EXPECT_EQ(head.find('\x01'), std::string::npos);
}

TEST(Reply, ErrorsHaveTheFormOfTheSpecification) {
  Reply reply = error_reply(404, "BLOB_UNKNOWN", "there is \"none\"");
  EXPECT_EQ(reply.body, "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"there is \\\"none\\\"\"}]}\n");
  EXPECT_NE(render_head(reply, false).find("Connection: close\r\n"), std::string::npos);
}

TEST(Reply, AnswersWithoutContentSayNoLength) {
  EXPECT_EQ(render_head(Reply{.status = 204}, true).find("Content-Length"), std::string::npos);
  EXPECT_NE(render_head(Reply{.status = 202}, true).find("Content-Length: 0\r\n"), std::string::npos);
}

}  // namespace
}  // namespace imgb::server
