#include "layerfs/layer_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "tests/support/processor_time.h"
#include "tests/support/tar_forger.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Toc read(const TarForger& tar, std::uint64_t max_entries = 1000) {
  std::string bytes = tar.finish();
  bool given = false;
  TarReader reader([&] { return std::exchange(given, true) ? std::span<const std::byte>() : as_bytes(bytes); });
  Toc toc = read_layer(reader, max_entries, nullptr);
  check(toc);
  return toc;
}

/// "/path", "/path -> target" for links, "-/path" removed, "=/path" opaque; folders end in "/".
std::vector<std::string> list(const TarForger& tar) {
  std::vector<std::string> out;
  for (const TocEntry& entry : read(tar)) {
    std::string line = entry.path.str();
    if (entry.kind == TocEntry::Kind::removed) line = "-" + line;
    if (entry.kind == TocEntry::Kind::opaque) line = "=" + line;
    if (entry.kind == TocEntry::Kind::hard_link) line += " -> " + entry.link_to.str();
    if (entry.kind == TocEntry::Kind::file && entry.meta.type == FileType::directory && !entry.path.is_root())
      line += "/";
    if (!entry.meta.link_target.empty()) line += " -> " + entry.meta.link_target;
    out.push_back(line);
  }
  return out;
}

void expect_refused(const TarForger& tar, std::string_view reason) {
  try {
    ADD_FAILURE() << testing::PrintToString(list(tar)) << ", want: " << reason;
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr(reason));
    EXPECT_EQ(e.kind(), ErrorKind::input);
  }
}

TEST(HostileLayer, V1DotDotInANameIsRefused) {
  for (std::string name : {"../../canary/pwn", "a/../../x", "./../x", "..", "a/.."}) {
    expect_refused(TarForger().file(name), "\"..\"");
    expect_refused(TarForger().add({.name = "x", .pax = {{"path", name}}}), "\"..\"");
  }
}

TEST(HostileLayer, V2AbsoluteNamesLandInside) {
  EXPECT_THAT(list(TarForger().file("/canary/pwn").file("//b").file("./c")), ElementsAre("/b", "/c", "/canary/pwn"));
}

TEST(HostileLayer, V3AWriteThroughALinkLandsInsideTheRoot) {
  EXPECT_THAT(list(TarForger().symlink("a", "/canary").file("a/pwn")), ElementsAre("/a -> /canary", "/canary/pwn"));
  EXPECT_THAT(list(TarForger().symlink("d/a", "../../../b").symlink("b", "c").file("d/a/x")),
              ElementsAre("/b -> c", "/c/x", "/d/a -> ../../../b"));
  expect_refused(TarForger().symlink("a", "b").symlink("b", "a").file("a/x"), "too many levels of symbolic links");
  expect_refused(TarForger().file("f").file("f/x"), "not a folder");
}

TEST(HostileLayer, V4HardLinksStayInside) {
  expect_refused(TarForger().hard_link("h", "../../etc/passwd"), "\"..\"");
  expect_refused(TarForger().dir("d").hard_link("h", "d"), "to a folder");
  expect_refused(TarForger().file("h").hard_link("h", "h"), "itself");
  expect_refused(TarForger().hard_link("h", "/"), "to the root");
  expect_refused(TarForger().file("d/f").hard_link("d", "d/f"), "what it replaces");
  // A link to a link that points out is a second name of that link; what comes then replaces it.
  EXPECT_THAT(list(TarForger().symlink("s", "/etc/passwd").hard_link("h", "s").file("h", "data")),
              ElementsAre("/h", "/s -> /etc/passwd"));
  // One whose target a lower layer must have is noted as such.
  EXPECT_THAT(list(TarForger().hard_link("h", "/etc/passwd")), ElementsAre("/h -> /etc/passwd"));
}

TEST(HostileLayer, V5TheRootIsAFolder) {
  expect_refused(TarForger().symlink(".", "/"), "the root is a folder");
  expect_refused(TarForger().symlink("/", "x"), "the root is a folder");
  expect_refused(TarForger().hard_link("./", "x"), "the root is a folder");
  EXPECT_THAT(list(TarForger().dir("./")), ElementsAre("/"));
}

TEST(HostileLayer, V6WhiteoutNames) {
  for (std::string name : {".wh.", ".wh..", ".wh...", "a/.wh."})
    expect_refused(TarForger().file(name), "whiteout of nothing");
  expect_refused(TarForger().file(".wh.a/b"), "folder named as a whiteout");
  expect_refused(TarForger().file("f").file("f/.wh..wh..opq"), "not a folder");
  EXPECT_TRUE(list(TarForger().file(".wh..wh.foo").dir(".wh..wh.plnk").file(".wh..wh.plnk/1.2")).empty());
  EXPECT_THAT(list(TarForger().symlink("d", "/canary").file("d/.wh.victim").file("d/.wh..wh..opq")),
              ElementsAre("=/canary", "-/canary/victim", "/d -> /canary"));
}

TEST(HostileLayer, V7ForgedOverlayMarksAreRefusedOrDropped) {
  expect_refused(TarForger().add({.name = "x", .type = '3'}), "character device 0:0");
  TarForger tar;
  tar.add({.name = "d",
           .type = '5',
           .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"},
                   {"SCHILY.xattr.user.overlay.redirect", "/x"},
                   {"SCHILY.xattr.user.keep", "1"}}});
  EXPECT_EQ(read(tar)[0].meta.xattrs, (Xattrs{{"user.keep", "1"}}));
}

TEST(HostileLayer, V17TheLastOfSeveralEntriesWins) {
  TarForger tar;
  for (int i = 0; i < 300; ++i) tar.file("same", std::to_string(i));
  Toc toc = read(tar);
  ASSERT_EQ(toc.size(), 1u);
  EXPECT_EQ(toc[0].content, Digest::of("299"));
  EXPECT_THAT(list(TarForger().dir("d").file("d/old").file("d").dir("d")), ElementsAre("/d/"));
  EXPECT_THAT(list(TarForger().dir("d").file("d/kept").add({.name = "d", .type = '5', .mode = 0700})),
              ElementsAre("/d/", "/d/kept"));
  EXPECT_THAT(list(TarForger().file("d/x/y").symlink("d", "e").file("d/z")), ElementsAre("/d -> e", "/e/z"));
}

TEST(HostileLayer, AReplacedTargetLeavesItsFileToTheOtherNames) {
  Toc toc = read(TarForger().file("a", "one").hard_link("b", "a").hard_link("c", "b").file("a", "two"));
  ASSERT_EQ(toc.size(), 3u);
  EXPECT_EQ(toc[0].content, Digest::of("two"));
  auto one = toc[1].kind == TocEntry::Kind::file ? toc[1] : toc[2];
  auto link = toc[1].kind == TocEntry::Kind::file ? toc[2] : toc[1];
  EXPECT_EQ(one.content, Digest::of("one"));
  EXPECT_EQ(link.link_to, one.path);
}

TEST(HostileLayer, AWhiteoutAndAFolderOfOnePathMakeAnOpaqueFolder) {
  EXPECT_THAT(list(TarForger().file(".wh.d").file("d/x")), ElementsAre("=/d", "/d/x"));
  EXPECT_THAT(list(TarForger().dir("d").file(".wh.d")), ElementsAre("/d/", "=/d"));
  EXPECT_THAT(list(TarForger().file("f").file(".wh.f")), ElementsAre("/f"));
  EXPECT_THAT(list(TarForger().file(".wh.f").file("f")), ElementsAre("/f"));
}

TEST(HostileLayer, V21MoreEntriesThanTheLimitIsAnError) {
  TarForger tar;
  for (int i = 0; i < 101; ++i) tar.file("f" + std::to_string(i));
  EXPECT_THROW(read(tar, 100), Error);
  EXPECT_EQ(read(tar, 101).size(), 101u);
  TarForger same;
  for (int i = 0; i < 101; ++i) same.dir("d");
  EXPECT_THROW(read(same, 100), Error);
}

TEST(HostileLayer, V22StrangeNamesComeThroughByteByByte) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "d/";
  for (const std::string& name : {std::string("new\nline"), std::string("\x1b[31m"), std::string("\xff\xfe"),
                                  std::string("back\\slash"), std::string("-rf"), std::string(255, 'n'), deep + "f"})
    EXPECT_EQ(read(TarForger().file(name), 6000)[0].path.str(), "/" + name);
  expect_refused(TarForger().file(std::string(256, 'n')), "255 bytes");
  expect_refused(TarForger().file(std::string(70000, '/') + "x"), "64 KiB");
  expect_refused(TarForger().file("\x1b[31m/../x"), "\\x1b[31m");
}

TEST(HostileLayer, V21PathsAreAsLongAsSystemCallsTakeThem) {
  std::string deep;
  for (int i = 0; i < 2046; ++i) deep += "d/";
  EXPECT_EQ(read(TarForger().file(deep + "ff"), 6000)[0].path.str().size(), 4095u);
  EXPECT_EQ(read(TarForger().file("./" + deep + "ff"), 6000)[0].path.str().size(), 4095u);
  expect_refused(TarForger().file(deep + "fff"), "a path of more than 4095 bytes");
  expect_refused(TarForger().hard_link("h", deep + "fff"), "a path of more than 4095 bytes");
  // Through links they become longer than they are written.
  std::string wide;
  for (int i = 0; i < 16; ++i) wide += std::string(240, 'w') + "/";
  TarForger through;
  through.symlink("s", "/" + std::string(100, 'a')).symlink(std::string(100, 'a') + "/t", wide);
  expect_refused(through.file("s/t/x/" + std::string(200, 'x')), "a path of more than 4095 bytes");
  expect_refused(TarForger().symlink("s", std::string(256, 'n')).file("s/x"), "a name of more than 255");
}

TEST(HostileLayer, V21FoldersThatNoEntryNamesAreBoundedTogether) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "d/";
  TarForger tar;
  for (int i = 0; i < 6; ++i) tar.file(std::to_string(i) + "/" + deep);
  EXPECT_EQ(read(tar, 100'000).size(), 6u);
  for (int i = 6; i < 12; ++i) tar.file(std::to_string(i) + "/" + deep);
  try {
    read(tar, 100'000);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("folders that no entry names"));
  }
}

/// Names of 16 bytes that have one value under the hash of libstdc++ (MurmurHash64A, whose seed is no secret).
std::vector<std::string> colliding_names(std::size_t count) {
  constexpr std::uint64_t kMul = (0xc6a4a793ULL << 32) + 0x5bd1e995ULL, kSeed = 0xc70f6907ULL;
  std::uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMul * inverse;
  auto mix = [&](std::uint64_t k) { return ((k * kMul) ^ ((k * kMul) >> 47)) * kMul; };
  auto unmix = [&](std::uint64_t k) {
    k *= inverse;
    return (k ^ (k >> 47)) * inverse;
  };
  std::vector<std::string> names;
  for (std::uint64_t first = 0x6161616161616161ULL; names.size() < count; ++first) {
    std::uint64_t hash = ((kSeed ^ (16 * kMul)) ^ mix(first)) * kMul;
    std::uint64_t second = unmix(hash ^ 0x1234567812345678ULL);
    std::string name(16, '\0');
    std::memcpy(name.data(), &first, 8);
    std::memcpy(name.data() + 8, &second, 8);
    if (name.find('/') == std::string::npos && name.find('\0') == std::string::npos) names.push_back(name);
  }
  return names;
}

TEST(HostileLayer, V21NoChoiceOfNamesMakesALayerSlow) {
  constexpr std::size_t kFiles = 20'000;
  std::vector<std::string> colliding = colliding_names(kFiles);
  ASSERT_EQ(std::hash<std::string>{}(colliding[0]), std::hash<std::string>{}(colliding[1]));
  auto seconds = [&](const std::function<std::string(std::size_t)>& name) {
    TarForger tar;
    for (std::size_t i = 0; i < kFiles; ++i) tar.file(name(i));
    double before = processor_seconds();
    EXPECT_EQ(read(tar, kFiles).size(), kFiles);
    return processor_seconds() - before;
  };
  double plain = seconds([](std::size_t i) { return fmt::format("{:016}", i); });
  EXPECT_LT(seconds([&](std::size_t i) { return colliding[i]; }), 4 * plain + 0.2);
}

TEST(HostileLayer, V27OnlyAttributesThatLayersCarryStay) {
  TarForger tar;
  std::string v3("\x01\x00\x00\x03\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00",
                 24);
  tar.add({.name = "f",
           .pax = {{"SCHILY.xattr.security.capability", v3},
                   {"SCHILY.xattr.security.selinux", "x"},
                   {"SCHILY.xattr.security.ima", "x"},
                   {"SCHILY.xattr.system.posix_acl_access", "acl"},
                   {"SCHILY.xattr.user.x", "y"},
                   {"SCHILY.xattr.trusted.x", "y"}}});
  Xattrs kept = read(tar)[0].meta.xattrs;
  std::string v2 = v3.substr(0, 20);
  v2[3] = 2;
  EXPECT_EQ(kept, (Xattrs{{"security.capability", v2}, {"system.posix_acl_access", "acl"}, {"user.x", "y"}}));
}

TEST(LayerReader, FilesHaveTheirDigestAndTheirPlaceInTheTar) {
  TarForger tar;
  tar.dir("d").file("d/f", "hello");
  Toc toc = read(tar);
  EXPECT_EQ(toc[1].content, Digest::of("hello"));
  EXPECT_EQ(tar.finish().substr(toc[1].data_offset, 5), "hello");
}

}  // namespace
}  // namespace imgb
