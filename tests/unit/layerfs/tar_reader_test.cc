#include "layerfs/tar_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "tests/support/tar_forger.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Every entry as "type name data", reading the tar in pieces of one size.
std::vector<std::string> list(const std::string& tar, std::size_t piece = 1 << 20) {
  std::size_t at = 0;
  TarReader reader([&] {
    std::string_view next = std::string_view(tar).substr(at, piece);
    at += next.size();
    return as_bytes(next);
  });
  std::vector<std::string> out;
  while (auto entry = reader.next()) {
    std::string line = fmt::format("{} {} ", entry->type, entry->name);
    if (!entry->link_name.empty()) line += "-> " + entry->link_name;
    for (auto bytes = reader.data(); !bytes.empty(); bytes = reader.data()) line += as_text(bytes);
    out.push_back(line);
  }
  EXPECT_EQ(at, tar.size());
  return out;
}

TarEntry first(const TarForger& tar) {
  std::string bytes = tar.finish();
  bool given = false;
  TarReader reader([&] { return std::exchange(given, true) ? std::span<const std::byte>() : as_bytes(bytes); });
  return reader.next().value();
}

void expect_refused(const std::string& tar, std::string_view reason, ErrorKind kind = ErrorKind::input) {
  for (std::size_t piece : {1UL << 20, 511UL}) {
    try {
      auto entries = list(tar, piece);
      ADD_FAILURE() << "read as " << testing::PrintToString(entries) << ", want: " << reason;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(reason));
      EXPECT_EQ(e.kind(), kind) << e.what();
    }
  }
}

TEST(TarReader, ReadsEveryKindInPiecesOfAnySize) {
  TarForger tar;
  tar.dir("d/").file("d/f", "content").symlink("s", "d/f").hard_link("h", "d/f").add({.name = "p", .type = '6'});
  tar.add({.name = "c", .type = '3', .major = 1, .minor = 3}).file(std::string(300, 'l'), std::string(2000, 'x'));
  for (std::size_t piece : {1UL, 7UL, 512UL, 513UL, 4096UL, 1UL << 20}) {
    EXPECT_THAT(list(tar.finish(), piece),
                ElementsAre("5 d/ ", "0 d/f content", "2 s -> d/f", "1 h -> d/f", "6 p ", "3 c ",
                            "0 " + std::string(300, 'l') + " " + std::string(2000, 'x')));
  }
}

TEST(TarReader, NamesThatAreNoTextOfAnyLocaleStayAsTheyAre) {
  std::string name = "caf\xc3\xa9/\xff\n\x1b\\" + std::string(200, '\xfe');
  EXPECT_EQ(first(TarForger().file(name)).name, name);
  EXPECT_EQ(first(TarForger().file("\xc5\x91\xff")).name, "\xc5\x91\xff");
  EXPECT_EQ(first(TarForger().symlink("s", name)).link_name, name);
}

TEST(TarReader, AnEmptyTarAndAMissingEndAreFineBetweenEntries) {
  EXPECT_TRUE(list("").empty());
  EXPECT_TRUE(list(std::string(1024, '\0')).empty());
  EXPECT_THAT(list(TarForger().file("a", "x").without_end()), ElementsAre("0 a x"));
  EXPECT_THAT(list(TarForger().file("a", "x").without_end() + std::string(512, '\0')), ElementsAre("0 a x"));
}

TEST(TarReader, WhatFollowsTheEndIsReadButNotLookedAt) {
  EXPECT_THAT(list(TarForger().file("a").finish() + std::string(3'000'000, 'j'), 100'000), ElementsAre("0 a "));
}

TEST(TarReader, BytesThatEndInTheMiddleAreCorrupt) {
  std::string tar = TarForger().file("a", std::string(600, 'x')).file("b").without_end();
  for (std::size_t cut : {1UL, 511UL, 513UL, 1000UL, 1500UL, 1537UL})
    expect_refused(tar.substr(0, cut), "cut short", ErrorKind::corrupt);
  expect_refused(TarForger().pax_header("9 path=b\n").finish(), "tar", ErrorKind::corrupt);
}

TEST(TarReader, AWrongChecksumIsRefused) {
  std::string tar = TarForger().file("a").file("b").finish();
  tar[512] = 'c';
  expect_refused(tar, "wrong checksum");
}

TEST(TarReader, UnknownTypesAreRefused) {
  for (char type : {'S', 'V', 'M', 'D', 'N', 'A', '8', '\x7f'})
    expect_refused(TarForger().add({.name = "n", .type = type}).finish(), "unknown entry type");
}

TEST(TarReader, SizesThatLieAreRefused) {
  auto with_size = [](std::string_view field) { return TarForger().file("f").patch(512, 124, field).finish(); };
  expect_refused(with_size(std::string(12, '\xff')), "size out of range");
  expect_refused(with_size(std::string("\x80\0\0\0\x40\0\0\0\0\0\0\0", 12)), "size out of range");
  expect_refused(with_size(std::string("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)), "bad size");
  expect_refused(with_size("00000000zz8"), "bad size");
  expect_refused(with_size("00000004000"), "cut short", ErrorKind::corrupt);
  for (std::string size : {"-1", "9e99", "", "18446744073709551616", "0x10"}) {
    TarForger tar;
    tar.add({.name = "f", .data = "abc", .pax = {{"size", size}}});
    expect_refused(tar.finish(), size.empty() ? "reads its header differently" : "bad PAX size");
  }
  expect_refused(TarForger().add({.name = "f", .data = "abc", .pax = {{"size", "1024"}}}).finish(), "sizes differ");
}

TEST(TarReader, DataBehindAnythingButAFileIsRefused) {
  for (char type : {'1', '2', '3', '5', '6'})
    expect_refused(TarForger().add({.name = "n", .type = type, .link = "l", .data = "x"}).finish(), "is no file");
}

TEST(TarReader, SparseFilesAreRefused) {
  for (std::string key : {"GNU.sparse.map", "GNU.sparse.major", "GNU.sparse.realsize", "GNU.sparse.numblocks"})
    expect_refused(TarForger().add({.name = "f", .data = "x", .pax = {{key, "0"}}}).finish(), "sparse");
}

TEST(TarReader, PaxRecordsThatLieAboutTheirLengthAreRefused) {
  for (std::string records : {"8 path=b\n", "11 path=b\n", "9223372036854775808 path=b\n", "9 path=bx", "path=b\n",
                              "0 \n", "5 =b\n", "-9 path=b\n", "6 abc\n"})
    expect_refused(TarForger().pax_header(records).file("a").finish(), "PAX record");
}

TEST(TarReader, PaxMayNotSayOneThingTwice) {
  expect_refused(TarForger().pax_header("9 path=b\n9 path=c\n").file("a").finish(), "twice");
  expect_refused(TarForger().pax_header("9 path=b\n").pax_header("9 path=c\n").file("a").finish(), "two PAX headers");
  expect_refused(TarForger()
                     .add({.name = "n", .type = 'L', .data = std::string("x\0", 2)})
                     .pax_header("9 path=b\n")
                     .file("a")
                     .finish(),
                 "by PAX and by GNU");
  expect_refused(TarForger()
                     .add({.name = "n", .type = 'L', .data = "x"})
                     .add({.name = "n", .type = 'L', .data = "y"})
                     .file("a")
                     .finish(),
                 "two GNU");
}

TEST(TarReader, PaxNamesHoldNoNulAndMayBeEmpty) {
  expect_refused(TarForger().pax_header(std::string("11 path=a\0b\n", 12).replace(0, 2, "12")).file("a").finish(),
                 "NUL");
  EXPECT_THAT(list(TarForger().pax_header("8 path=\n").file("a").finish()), ElementsAre("0 a "));
}

TEST(TarReader, GlobalHeadersSetNothingButAComment) {
  EXPECT_THAT(list(TarForger().pax_header("18 comment=abcdef\n", 'g').file("a").finish()), ElementsAre("0 a "));
  expect_refused(TarForger().pax_header("9 path=b\n", 'g').file("a").finish(), "global");
}

TEST(TarReader, AnExtensionOfMoreThanOneMebibyteIsRefusedBeforeItIsRead) {
  expect_refused(
      TarForger().add({.name = "n", .type = 'L', .data = std::string((1 << 20) + 1, 'x')}).file("a").finish(),
      "extension header of");
  TarForger tar;
  tar.pax_header("").patch(512, 124, "77777777777");
  expect_refused(tar.finish(), "extension header of");
}

TEST(TarReader, GnuLongNamesReplaceTheShortOnes) {
  TarForger tar;
  tar.add({.name = "././@LongLink", .type = 'L', .data = std::string(300, 'n') + '\0'});
  tar.add({.name = "././@LongLink", .type = 'K', .data = std::string(200, 'k') + '\0'});
  tar.symlink("short", "target");
  EXPECT_THAT(list(tar.finish()), ElementsAre("2 " + std::string(300, 'n') + " -> " + std::string(200, 'k')));
}

TEST(TarReader, AZeroBlockBetweenEntriesIsRefused) {
  expect_refused(TarForger().file("a").raw(std::string(512, '\0')).file("b").finish(), "block of zeros");
}

TEST(TarReader, AHeaderHiddenInAFileIsData) {
  std::string hidden = TarForger().file("hidden").without_end();
  EXPECT_THAT(list(TarForger().file("a", hidden).finish()), ElementsAre("0 a " + hidden));
}

TEST(TarReader, AV7FolderEndsInASlash) {
  TarForger tar;
  tar.add({.name = "d/", .type = '\0'}).patch(512, 257, std::string(8, '\0'));
  EXPECT_THAT(list(tar.finish()), ElementsAre("5 d/ "));
}

TEST(TarReader, NumbersInEveryEncoding) {
  TarForger tar;
  tar.add(
      {.name = "f", .pax = {{"mtime", "-1.25"}, {"uid", "3000000"}, {"SCHILY.xattr.user.a", std::string("1\0=", 3)}}});
  TarEntry entry = first(tar);
  EXPECT_EQ(entry.mtime, -1'250'000'000);
  EXPECT_EQ(entry.uid, 3000000u);
  EXPECT_EQ(entry.xattrs, (Xattrs{{"user.a", std::string("1\0=", 3)}}));
  entry = first(TarForger()
                    .file("f")
                    .patch(512, 108, std::string("\x80\0\0\0\0\x30\0\0", 8))
                    .patch(512, 136, std::string(12, '\xff')));
  EXPECT_EQ(entry.uid, 0x300000u);
  EXPECT_EQ(entry.mtime, -1'000'000'000);
  EXPECT_EQ(first(TarForger().file("f").patch(512, 108, std::string(" 17 \0\0\0\0", 8))).uid, 017u);
  for (std::string uid : {"4294967295", "-1", "4294967296", "0x0"})
    expect_refused(TarForger().add({.name = "f", .pax = {{"uid", uid}}}).finish(), "bad PAX uid");
}

TEST(TarReader, FailuresOfTheInputPassThrough) {
  int calls = 0;
  std::string tar = TarForger().file("a", std::string(5000, 'x')).finish();
  TarReader reader([&]() -> std::span<const std::byte> {
    if (++calls == 1) return as_bytes(tar).first(1024);
    throw_error(ErrorKind::unavailable, "gone");
  });
  reader.next();
  try {
    while (!reader.data().empty()) continue;
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::unavailable);
  }
}

}  // namespace
}  // namespace imgb
