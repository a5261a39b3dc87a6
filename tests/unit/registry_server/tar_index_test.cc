#include "registry/server/tar_index.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/text.h"

namespace imgb::server {
namespace {

/// One member with its padding; `type` as in the header.
std::string member(std::string name, std::string_view content, char type = '0', std::string prefix = "") {
  std::string block(512, '\0');
  auto put = [&](std::size_t at, std::string_view text) { block.replace(at, text.size(), text); };
  put(0, name.substr(0, 100));
  put(100, "0000644");
  put(124, fmt::format("{:011o}", content.size()));
  put(156, std::string(1, type));
  put(257, "ustar");
  put(345, prefix);
  put(148, "        ");
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + std::string(1, '\0'));
  return block + std::string(content) + std::string((512 - content.size() % 512) % 512, '\0');
}
std::string pax(std::string_view key, std::string_view value) {
  std::string rest = fmt::format(" {}={}\n", key, value);
  std::size_t length = rest.size() + 2;
  return member("PaxHeader", fmt::format("{}{}", length, rest), 'x');
}
const std::string kEnd(1024, '\0');

Fd file_of(const std::string& bytes) {
  Fd file = make_memfd("tar");
  write_all(file, bytes, "tar");
  return file;
}
std::string content(const std::string& tar, const std::string& name) {
  Fd file = file_of(tar);
  auto members = index_tar(file, "a tar");
  auto found = members.find(name);
  return found == members.end() ? "nothing" : tar.substr(found->second.offset, found->second.size_bytes);
}

TEST(TarIndex, FilesAreFoundWhereTheyLie) {
  std::string tar =
      member("blobs/", "", '5') + member("./a", "alpha") + member("b", std::string(700, 'b')) + member("c", "") + kEnd;
  EXPECT_EQ(content(tar, "a"), "alpha");
  EXPECT_EQ(content(tar, "b"), std::string(700, 'b'));
  EXPECT_EQ(content(tar, "c"), "");
  EXPECT_EQ(content(tar, "blobs/"), "nothing");
}

TEST(TarIndex, LongNamesOfAllKindsAreUnderstood) {
  EXPECT_EQ(content(member("x", "1", '0', "some/folder") + kEnd, "some/folder/x"), "1");
  EXPECT_EQ(content(pax("path", "p/q") + member("cut", "2") + member("y", "3") + kEnd, "p/q"), "2");
  EXPECT_EQ(content(pax("path", "p/q") + member("cut", "2") + member("y", "3") + kEnd, "y"), "3");
  EXPECT_EQ(content(member("././@LongLink", std::string(200, 'l') + '\0', 'L') + member("cut", "4") + kEnd,
                    std::string(200, 'l')),
            "4");
}

TEST(TarIndex, OfTwoFilesWithOneNameTheLastCounts) {
  EXPECT_EQ(content(member("a", "old") + member("a", "new") + kEnd, "a"), "new");
}

TEST(TarIndex, LinksAreNoFiles) {
  EXPECT_EQ(content(member("a", "", '2') + member("b", "", '1') + kEnd, "a"), "nothing");
}

TEST(TarIndex, WhatIsNoTarIsRefusedByName) {
  for (const std::string& bytes : {std::string("\x1f\x8b\x08 gzip") + std::string(600, 'x'), std::string(2000, 'x')}) {
    Fd file = file_of(bytes);
    try {
      index_tar(file, "my.tar");
      FAIL() << "it was taken";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find("my.tar"), std::string::npos);
    }
  }
}

TEST(TarIndex, DamagedOnesAreRefused) {
  std::string huge = member("a", "x");
  huge.replace(124, 12, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
  std::string short_one = member("a", std::string(700, 'x')).substr(0, 600);
  std::string bad_sum = member("a", "x") + member("b", "y") + kEnd;
  bad_sum[1024] = 'z';
  for (const std::string& tar : {huge, short_one, bad_sum, pax("size", "x") + member("a", "1") + kEnd,
                                 member("x", "99999 path=a\n", 'x') + kEnd, member("x", "3", 'x') + kEnd}) {
    Fd file = file_of(tar);
    EXPECT_THROW(index_tar(file, "a tar"), Error);
  }
}

}  // namespace
}  // namespace imgb::server
