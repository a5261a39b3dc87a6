#include "core/base/digest.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

const std::string kEmpty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(Digest, IsTheKnownHash) {
  EXPECT_EQ(Digest::of("").str(), kEmpty);
  Hasher parts;
  parts.update("ab");
  parts.update("c");
  EXPECT_EQ(parts.finish(), Digest::of("abc"));
  EXPECT_EQ(Hasher(DigestAlgorithm::sha512).finish().str().substr(0, 17), "sha512:cf83e1357e");
}

TEST(Digest, OnlyTheOneSpellingParses_V54) {
  EXPECT_EQ(Digest::parse(kEmpty).str(), kEmpty);
  for (const std::string& bad :
       {std::string(), kEmpty.substr(1), kEmpty + "0", std::string("sha256:") + std::string(64, 'A'),
        std::string("md5:d41d8cd98f00b204e9800998ecf8427e"), std::string("sha256:../../") + std::string(58, 'a'),
        kEmpty.substr(0, 70) + std::string(1, '\0')})
    EXPECT_THROW(Digest::parse(bad), Error) << bad;
}

std::string read_verified(std::string_view content, const Digest& want, std::uint64_t size) {
  VerifyingSource source(std::make_unique<SpanSource>(content), want, size);
  return read_all(source, 100, "test");
}

TEST(VerifyingSource, GivesGoodBytesAndRefusesOthers_V55_V56) {
  EXPECT_EQ(read_verified("abc", Digest::of("abc"), 3), "abc");
  EXPECT_THROW(read_verified("abd", Digest::of("abc"), 3), Error);
  EXPECT_THROW(read_verified("ab", Digest::of("abc"), 3), Error);
  EXPECT_THROW(read_verified("abcd", Digest::of("abc"), 3), Error);
}

}  // namespace
}  // namespace imgb
