#include "layerfs/tar_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "core/base/error.h"
#include "core/base/time.h"

namespace imgb {
namespace {

using testing::HasSubstr;

std::string header(const TarMember& member) {
  std::string out;
  append_tar_header(out, member);
  return out;
}
std::string_view field(std::string_view block, TarField f) { return block.substr(f.offset, f.length); }
std::string_view text(std::string_view block, TarField f) {
  std::string_view value = field(block, f);
  return value.substr(0, value.find('\0'));
}

TEST(TarFormat, AShortNameIsOneUstarBlock) {
  std::string block =
      header({.name = "etc/hostname", .mode = 0644, .uid = 1, .gid = 2, .size_bytes = 9, .mtime_seconds = 8});
  ASSERT_EQ(block.size(), kTarBlockBytes);
  EXPECT_EQ(text(block, tar_field::kName), "etc/hostname");
  EXPECT_EQ(field(block, tar_field::kMode), std::string_view("0000644\0", 8));
  EXPECT_EQ(field(block, tar_field::kSize), std::string_view("00000000011\0", 12));
  EXPECT_EQ(field(block, tar_field::kMagic), std::string_view("ustar\0", 6));
  EXPECT_EQ(field(block, tar_field::kVersion), "00");
  EXPECT_EQ(text(block, {265, 32}), "");  // no user name
}

TEST(TarFormat, ALongNameIsCutAtASlashForThePrefix) {
  std::string folder(150, 'd'), name(100, 'n');
  std::string block = header({.name = folder + '/' + name});
  ASSERT_EQ(block.size(), kTarBlockBytes);
  EXPECT_EQ(text(block, tar_field::kPrefix), folder);
  EXPECT_EQ(text(block, tar_field::kName), name);
}

TEST(TarFormat, ANameThatUstarCannotHoldGetsAPaxHeader) {
  for (const std::string& name : {std::string(101, 'n'), std::string(156, 'd') + "/x", "a/" + std::string(101, 'n')}) {
    std::string blocks = header({.name = name});
    EXPECT_EQ(blocks.size(), 3 * kTarBlockBytes);
    EXPECT_EQ(text(blocks, tar_field::kType), "x");
    EXPECT_THAT(blocks, HasSubstr(" path=" + name + "\n"));
  }
}

TEST(TarFormat, PaxRecordsCountTheirOwnLength) {
  std::string name(101, 'n');
  EXPECT_THAT(header({.name = name}), HasSubstr("111 path=" + name + "\n"));
  name.resize(990, 'n');
  EXPECT_THAT(header({.name = name}), HasSubstr("1001 path=" + name + "\n"));
}

TEST(TarFormat, NumbersBeyondOctalGoToPax) {
  std::string blocks = header({.name = "f", .uid = 2097152, .gid = 2097151, .size_bytes = 1ULL << 33});
  EXPECT_THAT(blocks, HasSubstr(" size=8589934592\n"));
  EXPECT_THAT(blocks, HasSubstr(" uid=2097152\n"));
  EXPECT_THAT(blocks, testing::Not(HasSubstr(" gid=")));
  std::string_view ustar = std::string_view(blocks).substr(2 * kTarBlockBytes);
  EXPECT_EQ(text(ustar, tar_field::kSize), "00000000000");
  EXPECT_EQ(text(ustar, tar_field::kGid), "7777777");
  EXPECT_THAT(header({.name = "f", .mtime_seconds = -1}), HasSubstr(" mtime=-1\n"));
}

TEST(TarFormat, BytesThatAreNotAsciiStayInUstar) {
  std::string block = header({.name = "caf\xc3\xa9/\xff"});
  EXPECT_EQ(block.size(), kTarBlockBytes);
  EXPECT_EQ(text(block, tar_field::kName), "caf\xc3\xa9/\xff");
}

TEST(TarFormat, AttributesAreSchilyRecords) {
  Xattrs xattrs{{"user.a", std::string("1\0\n=2", 5)}};
  EXPECT_THAT(header({.name = "f", .xattrs = &xattrs}), HasSubstr(std::string("29 SCHILY.xattr.user.a=1\0\n=2\n", 29)));
}

TocEntry entry(std::string_view path, TocEntry::Kind kind = TocEntry::Kind::file) {
  TocEntry e;
  e.path = RootedPath::parse_strict(path);
  e.kind = kind;
  return e;
}

TEST(TarFormat, EntriesBecomeMembers) {
  TocEntry folder = entry("/usr/lib");
  folder.meta.type = FileType::directory;
  EXPECT_EQ(tar_member_of(folder, {}).name, "usr/lib/");
  TocEntry root = entry("/");
  root.meta.type = FileType::directory;
  EXPECT_EQ(tar_member_of(root, {}).name, "./");
  TocEntry node = entry("/dev/sda");
  node.meta.type = FileType::block_device;
  node.meta.rdev = makedev(8, 1);
  std::string block = header(tar_member_of(node, {}));
  EXPECT_EQ(text(block, tar_field::kDevMajor), "0000010");
  EXPECT_EQ(text(block, tar_field::kDevMinor), "0000001");
}

TEST(TarFormat, AHardLinkRepeatsItsTargetsMetadataBecauseReadersApplyIt) {
  TocEntry link = entry("/b", TocEntry::Kind::hard_link);
  link.link_to = RootedPath::parse_strict("/a");
  TarMember member = tar_member_of(link, {.mode = 04755, .uid = 5, .size_bytes = 100});
  EXPECT_EQ(member.link_name, "a");
  EXPECT_EQ(member.mode, 04755u);
  EXPECT_EQ(member.uid, 5u);
  EXPECT_EQ(member.size_bytes, 0u);
}

TEST(TarFormat, WhiteoutsAreNames) {
  EXPECT_EQ(tar_member_of(entry("/a/b", TocEntry::Kind::removed), {}).name, "a/.wh.b");
  EXPECT_EQ(tar_member_of(entry("/b", TocEntry::Kind::removed), {}).name, ".wh.b");
  EXPECT_EQ(tar_member_of(entry("/a/b", TocEntry::Kind::opaque), {}).name, "a/b/.wh..wh..opq");
  EXPECT_EQ(tar_member_of(entry("/", TocEntry::Kind::opaque), {}).name, ".wh..wh..opq");
}

TEST(TarFormat, WhatALayerCannotHoldIsRefused) {
  TocEntry socket = entry("/run/x.sock");
  socket.meta.type = FileType::socket;
  EXPECT_THROW(tar_member_of(socket, {}), Error);
  EXPECT_THROW(tar_member_of(entry("/a/.wh.b"), {}), Error);
}

TEST(TarFormat, TimesRoundDown) {
  TocEntry e = entry("/f");
  e.meta.mtime = -1;
  EXPECT_EQ(tar_member_of(e, {}).mtime_seconds, -1);
  e.meta.mtime = 2 * kNanosecondsPerSecond - 1;
  EXPECT_EQ(tar_member_of(e, {}).mtime_seconds, 1);
}

}  // namespace
}  // namespace imgb
