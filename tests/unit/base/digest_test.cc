#include "core/base/digest.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

constexpr std::string_view kAbc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kAbc512 =
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

TEST(Digest, OfKnownText) { EXPECT_EQ(Digest::of("abc").str(), kAbc); }

TEST(Digest, ParseGivesBackTheText) {
  EXPECT_EQ(Digest::parse(kAbc).str(), kAbc);
  EXPECT_EQ(Digest::parse(kAbc512).str(), kAbc512);
  EXPECT_EQ(Digest::parse(kAbc512).algorithm(), DigestAlgorithm::sha512);
  EXPECT_EQ(Digest::parse(kAbc).short_hex(), "ba7816bf8f01");
}

TEST(Digest, WhatIsNoDigestIsRefused) {
  std::string upper(kAbc);
  upper[8] = 'A';
  std::string with_nul(kAbc);
  with_nul[20] = '\0';
  for (const std::string& text :
       {std::string(), std::string("sha256:"), std::string("sha256:../../../../tmp/pwn"), upper, with_nul,
        std::string(kAbc.substr(0, 70)), std::string(kAbc) + "0", "sha256+x:" + std::string(kAbc.substr(7)),
        "md5:" + std::string(kAbc.substr(7)), std::string(kAbc.substr(7)), " " + std::string(kAbc)}) {
    EXPECT_FALSE(Digest::find(text)) << text;
    EXPECT_THROW(Digest::parse(text), Error) << text;
  }
}

TEST(Hasher, PiecesGiveTheDigestOfTheWhole) {
  Hasher hasher;
  hasher.update("a");
  hasher.update("");
  hasher.update("bc");
  EXPECT_EQ(hasher.finish().str(), kAbc);
  Hasher wide(DigestAlgorithm::sha512);
  wide.update("abc");
  EXPECT_EQ(wide.finish().str(), kAbc512);
}

TEST(HashingSink, CountsHashesAndPassesOn) {
  StringSink out;
  HashingSink sink(&out);
  sink.write(as_bytes("ab"));
  sink.write(as_bytes("c"));
  EXPECT_EQ(sink.size_bytes(), 3u);
  EXPECT_EQ(out.text(), "abc");
  EXPECT_EQ(sink.finish().str(), kAbc);
}

std::string read_verified(std::string_view content, std::string_view digest, std::uint64_t size) {
  VerifyingSource source(std::make_unique<SpanSource>(content), Digest::parse(digest), size);
  return read_all(source, 1000, "test");
}

TEST(VerifyingSource, PassesWhatIsRight) {
  EXPECT_EQ(read_verified("abc", kAbc, 3), "abc");
  EXPECT_EQ(read_verified("abc", kAbc512, 3), "abc");
}

TEST(VerifyingSource, RefusesOtherBytesAndOtherSizes) {
  for (auto [content, size] : {std::pair("abd", 3), {"abcd", 3}, {"ab", 3}, {"", 3}}) {
    try {
      read_verified(content, kAbc, static_cast<std::uint64_t>(size));
      ADD_FAILURE() << content;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::corrupt) << content;
      EXPECT_NE(std::string(e.what()).find(kAbc), std::string::npos) << e.what();
    }
  }
}

TEST(VerifyingSource, TheEndStaysTheEnd) {
  VerifyingSource source(std::make_unique<SpanSource>("abc"), Digest::parse(kAbc), 3);
  read_all(source, 1000, "test");
  std::byte more[1];
  EXPECT_EQ(source.read(more), 0u);
}

}  // namespace
}  // namespace imgb
