#include "core/store/layout_archive.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "core/store/layout.h"
#include "tests/support/tar_forger.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

using testing::HasSubstr;

class Tar {
 public:
  explicit Tar(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }
  std::filesystem::path path() const { return folder_.path() / "a.tar"; }
  std::map<std::string, std::string> contents() const {
    Fd file(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
    std::map<std::string, std::string> all;
    for (const auto& [name, place] : list_tar(file, "a.tar")) {
      std::string text(place.size_bytes, '\0');
      EXPECT_EQ(text.empty() ? 0 : read_at(file, std::as_writable_bytes(std::span(text)), place.offset, "a.tar"),
                text.size());
      all.emplace(name, text);
    }
    return all;
  }
  std::string failure() const {
    try {
      contents();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }

 private:
  TempDir folder_;
};

using Files = std::map<std::string, std::string>;

TEST(ListTar, FindsFilesWhereTheirBytesAre) {
  std::string long_text(1025, 'x'), long_name = "d/" + std::string(200, 'n');
  Tar tar(TarForger()
              .dir("blobs/")
              .file("./a", "one")
              .file("b", "")
              .file("c", long_text)
              .symlink("s", "a")
              .hard_link("h", "a")
              .add({.name = "short", .data = "far", .pax = {{"path", long_name}}})
              .file("a", "the last counts")
              .finish());
  EXPECT_EQ(tar.contents(), (Files{{"a", "the last counts"}, {"b", ""}, {"c", long_text}, {long_name, "far"}}));
}

TEST(ListTar, KnowsLongNamesAsGnuTarWritesThem) {
  std::string name(150, 'n');
  Tar tar(TarForger()
              .add({.name = "././@LongLink", .type = 'L', .data = name + std::string(1, '\0')})
              .file("cut", "x")
              .finish());
  EXPECT_EQ(tar.contents(), (Files{{name, "x"}}));
}

TEST(ListTar, ASizeOfTheHeaderBeforeCountsForTheFile) {
  Tar tar(TarForger().add({.name = "a", .data = "12345", .pax = {{"size", "5"}}}).file("b", "x").finish());
  EXPECT_EQ(tar.contents(), (Files{{"a", "12345"}, {"b", "x"}}));
}

TEST(ListTar, WhatIsNoWholeTarIsRefused) {
  std::string whole = TarForger().file("a", std::string(2000, 'x')).finish();
  EXPECT_THAT(Tar(whole.substr(0, 1000)).failure(), HasSubstr("it ends"));
  EXPECT_THAT(Tar(whole.substr(0, 300)).failure(), HasSubstr("it ends"));
  EXPECT_THAT(Tar("").failure(), HasSubstr("it ends"));
  EXPECT_THAT(Tar("\x1f\x8b" + std::string(600, 'z')).failure(), HasSubstr("no header"));
  EXPECT_THAT(Tar(TarForger().add({.name = "a", .type = 'S'}).finish()).failure(), HasSubstr("in pieces"));
  EXPECT_THAT(Tar(TarForger().add({.name = "a", .pax = {{"GNU.sparse.major", "1"}}}).finish()).failure(),
              HasSubstr("in pieces"));
  EXPECT_THAT(Tar(TarForger().pax_header("99 path=x\n").file("a").finish()).failure(), HasSubstr("broken record"));
  EXPECT_THAT(Tar(TarForger().pax_header("3 a\n").file("a").finish()).failure(), HasSubstr("broken record"));
  EXPECT_THAT(Tar(TarForger().pax_header("20 size=18446744073709551615\n").file("a").finish()).failure(),
              HasSubstr("broken record"));
}

TEST(ListTar, ASizePastTheEndOfTheFileIsRefusedHoweverItIsSaid) {
  std::string base256(12, '\xff');
  Tar huge(TarForger().file("a", "x").patch(1024, 124, base256).finish());
  EXPECT_THAT(huge.failure(), HasSubstr("a size that is none"));
  base256 = std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
  EXPECT_THAT(Tar(TarForger().file("a", "x").patch(1024, 124, base256).finish()).failure(), HasSubstr("it ends"));
}

TEST(LayoutArchive, GivesImagesAndBlobsThatAreWhatTheySay) {
  Digest good = Digest::of("good"), bad = Digest::of("bad");
  std::string index =
      R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
      good.str() + R"(","size":4,"annotations":{"org.opencontainers.image.ref.name":"x"}}]})";
  Tar tar(TarForger()
              .file("oci-layout", layout::kMarkerContent)
              .file("index.json", index)
              .file(layout::blob(good), "good")
              .file(layout::blob(bad), "odd")
              .finish());
  LayoutArchive archive(tar.path());
  ASSERT_EQ(archive.images().size(), 1u);
  EXPECT_EQ(archive.images()[0].digest, good);
  EXPECT_EQ(archive.find_size(good), 4u);
  EXPECT_EQ(archive.find_size(Digest::of("other")), std::nullopt);
  EXPECT_EQ(read_all(*archive.open_blob(good), 100, "good"), "good");
  EXPECT_THROW(read_all(*archive.open_blob(bad), 100, "bad"), Error);
  EXPECT_THROW(archive.open_blob(Digest::of("other")), Error);
}

TEST(LayoutArchive, ATarOfSomethingElseIsNoLayout) {
  Tar tar(TarForger().file("index.json", "{}").finish());
  EXPECT_THROW(LayoutArchive{tar.path()}, Error);
  EXPECT_THROW(LayoutArchive{"/dev/null"}, Error);
}

}  // namespace
}  // namespace imgb
