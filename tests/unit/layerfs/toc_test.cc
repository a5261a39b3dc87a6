#include "layerfs/toc.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/toc_bytes.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

TreeBuilder sample() {
  TreeBuilder tree;
  tree.file("/usr/bin/ping", "elf", 04755).owner(3, 70000).xattr("security.capability", std::string("\1\0\0\2", 4));
  tree.dir("/usr").symlink("/bin", "usr/bin").hard_link("/usr/bin/ping6", "/usr/bin/ping");
  tree.removed("/etc/motd").opaque("/var/cache").device("/dev/null", FileType::character_device, 259).mtime(-1);
  return tree;
}

TEST(Toc, GivesBackWhatItWasMadeOfInOrderOfPathBytes) {
  std::vector<TocEntry> seen;
  auto toc = sample().toc();
  for (const TocEntry& entry : *toc) seen.push_back(entry);
  EXPECT_EQ(seen, sample().entries());
}

TEST(Toc, ParsesItsOwnRendering) {
  auto toc = sample().toc();
  Toc again = toc_of_bytes(toc_bytes(*toc));
  EXPECT_EQ(toc_bytes(again), toc_bytes(*toc));
  EXPECT_EQ(again[0], (*toc)[0]);
  check(again);
}

TEST(Toc, CountsKindsSoThatAbsentOnesNeedNoSearch) {
  auto toc = sample().toc();
  EXPECT_EQ(toc->count_of(TocEntry::Kind::removed), 1u);
  EXPECT_EQ(toc->count_of(TocEntry::Kind::opaque), 1u);
  EXPECT_EQ(toc->count_of(TocEntry::Kind::hard_link), 1u);
  EXPECT_EQ(toc->count_of(TocEntry::Kind::file), 5u);
}

TEST(Toc, FindsOneOfSeveralKindsAtAPath) {
  auto toc = sample().toc();
  EXPECT_TRUE(toc->find("/var/cache", TocEntry::Kind::file));
  EXPECT_TRUE(toc->find("/var/cache", TocEntry::Kind::opaque));
  EXPECT_FALSE(toc->find("/var/cache", TocEntry::Kind::removed));
  EXPECT_FALSE(toc->find("/var/cach", TocEntry::Kind::file));
}

TEST(Toc, TwoEntriesOfOnePathAndKindAreRefused) {
  EXPECT_THROW(TreeBuilder().file("/a", "1").file("/a", "2").toc(), Error);
}

TEST(Toc, ATornFileIsFoundOut) {
  std::string bytes = toc_bytes(*sample().toc());
  for (std::size_t cut = 0; cut < bytes.size(); cut += 7)
    EXPECT_THROW(toc_of_bytes(bytes.substr(0, cut)), Error) << cut;
  for (std::size_t at = 0; at < bytes.size(); at += 5) {
    std::string bad = bytes;
    bad[at] ^= 0x10;
    if (at >= 40 && at < 48) continue;  // unused part of the header
    try {
      Toc toc = toc_of_bytes(bad);
      check(toc);
      ADD_FAILURE() << "byte " << at;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::corrupt);
    }
  }
}

}  // namespace
}  // namespace imgb
