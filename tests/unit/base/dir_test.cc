#include "core/base/dir.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <thread>

#include "core/base/error.h"
#include "tests/support/without_unnamed_files.h"

namespace imgb {
namespace {

using testing::ElementsAre;

class DirTest : public testing::Test {
 protected:
  DirTest() {
    char name[] = "/tmp/imgb-dir-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    host = name;
    base = Dir::open_host(host);
    base.make_dir("root", 0755);
    base.make_dir("canary", 0755);
    base.replace_file("canary/victim", "untouched", 0644);
    dir = base.open_dir("root");
  }
  ~DirTest() override {
    base = Dir();
    dir = Dir();
    Dir::open_host("/tmp").remove_tree(host.substr(5));
    EXPECT_NE(::access(host.c_str(), F_OK), 0);
  }
  void put(std::string_view path, std::string_view content = "x") { dir.replace_file(path, content, 0644); }
  void link(std::string_view path, std::string_view target) { dir.make_symlink(target, path); }

  std::string host;
  Dir base, dir;
};

template <class Body>
int errno_of(Body body) {
  try {
    body();
  } catch (const SystemError& e) {
    return e.errno_value();
  }
  return 0;
}

TEST_F(DirTest, RefuseFollowsNoLinkAndLeadsNowhereElse) {
  link("out", "../canary");
  link("abs", host + "/canary");
  link("self", "root");
  dir.make_dir("d", 0755);
  put("d/f", "inside");
  link("dl", "d");
  EXPECT_EQ(dir.read_file("d/f", 100), "inside");
  EXPECT_EQ(dir.read_file("/d//./f", 100), "inside");
  EXPECT_EQ(dir.read_file("d/../d/f", 100), "inside");
  EXPECT_EQ(errno_of([&] { dir.read_file("out/victim", 100); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir.read_file("abs/victim", 100); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir.read_file("dl/f", 100); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir.open_file("dl", O_PATH | O_NOFOLLOW); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir.stat("dl", Links::refuse); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir.read_file("../canary/victim", 100); }), EXDEV);
  EXPECT_EQ(errno_of([&] { dir.read_file(std::string_view("d\0/f", 4), 100); }), EINVAL);
}

TEST_F(DirTest, InRootTreatsTheFolderAsSlash) {
  dir.make_dirs("etc/real", 0755);
  put("etc/real/f", "inside");
  link("abs", "/etc/real");
  link("up", "../../../../etc/real/f");
  link("magic", "/proc/self/cwd");
  EXPECT_EQ(dir.read_file("abs/f", 100, Links::in_root), "inside");
  EXPECT_EQ(dir.read_file("up", 100, Links::in_root), "inside");
  EXPECT_EQ(dir.read_file("../../etc/real/f", 100, Links::in_root), "inside");
  EXPECT_EQ(dir.stat("abs").type, FileType::symlink);
  EXPECT_EQ(dir.stat("abs", Links::in_root).type, FileType::directory);
  EXPECT_EQ(dir.stat("abs/../real/f").type, FileType::regular);
  EXPECT_EQ(errno_of([&] { dir.read_file("up", 100, Links::in_root_nofollow_last); }), ELOOP);
  EXPECT_FALSE(dir.find_stat("magic", Links::in_root));
}

TEST_F(DirTest, FindGivesNothingForWhatIsAbsentOnly) {
  put("f");
  link("l", "f");
  EXPECT_FALSE(dir.find_file("nope", O_RDONLY));
  EXPECT_FALSE(dir.find_file("f/below", O_RDONLY));
  EXPECT_FALSE(dir.find_dir("f"));
  EXPECT_FALSE(dir.find_content("nope/f", 10));
  EXPECT_FALSE(dir.find_stat("f/below"));
  EXPECT_EQ(errno_of([&] { dir.find_file("l", O_RDONLY); }), ELOOP);
  EXPECT_TRUE(dir.find_dir(""));
}

TEST_F(DirTest, ReadFileTakesRegularFilesOfBoundedSizeOnly) {
  put("f", "12345");
  dir.make_node("fifo", FileType::fifo, 0644, 0);
  dir.make_dir("d", 0755);
  EXPECT_EQ(dir.read_file("f", 5), "12345");
  EXPECT_THROW(dir.read_file("f", 4), Error);
  EXPECT_THROW(dir.read_file("fifo", 100), Error);  // and does not wait for a writer
  EXPECT_THROW(dir.read_file("d", 100), Error);
}

TEST_F(DirTest, ListIsSortedByBytesAndHasTypes) {
  put("b");
  put("B");
  put("a\n");
  dir.make_dir("dir", 0755);
  link("link", "nowhere");
  dir.make_node("fifo", FileType::fifo, 0600, 0);
  std::vector<std::string> names;
  for (const auto& entry : dir.list()) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("B", "a\n", "b", "dir", "fifo", "link"));
  EXPECT_EQ(dir.list()[3].type, FileType::directory);
  EXPECT_EQ(dir.list()[4].type, FileType::fifo);
  EXPECT_EQ(dir.list()[5].type, FileType::symlink);
  EXPECT_EQ(dir.list().size(), 6u);  // a second listing starts at the front again
}

TEST_F(DirTest, MakeDirsTellsWhatItMade) {
  dir.make_dir("a", 0700);
  std::vector<std::string> made;
  Dir c = dir.make_dirs("a/b/c", 0755, Links::refuse,
                        [&](const Dir& d) { made.push_back(d.name().substr(dir.name().size())); });
  EXPECT_THAT(made, ElementsAre("/a/b", "/a/b/c"));
  EXPECT_EQ(dir.stat("a").mode, 0700u);
  c.make_dir("d", 0755);
  EXPECT_TRUE(dir.find_dir("a/b/c/d"));
  made.clear();
  dir.make_dirs("a/b/c", 0755, Links::refuse, [&](const Dir&) { made.push_back("again"); });
  EXPECT_TRUE(made.empty());
}

TEST_F(DirTest, MakeDirsThroughLinksStaysInside) {
  link("abs", "/canary/new");
  link("up", "../../canary");
  dir.make_dirs("abs/x", 0755, Links::in_root);
  dir.make_dirs("up/y", 0755, Links::in_root);
  EXPECT_TRUE(dir.find_dir("canary/new/x"));
  EXPECT_TRUE(dir.find_dir("canary/y"));
  EXPECT_EQ(base.open_dir("canary").list().size(), 1u);
  EXPECT_EQ(errno_of([&] { dir.make_dirs("abs/z", 0755); }), ELOOP);
  link("loop", "loop");
  EXPECT_EQ(errno_of([&] { dir.make_dirs("loop/z", 0755, Links::in_root); }), ELOOP);
}

TEST_F(DirTest, CreatingActsOnTheNameAndNotOnWhatALinkMeans) {
  link("l", host + "/canary/victim");
  EXPECT_EQ(errno_of([&] { dir.make_dir("l", 0755); }), EEXIST);
  EXPECT_EQ(errno_of([&] { dir.make_symlink("x", "l"); }), EEXIST);
  EXPECT_EQ(errno_of([&] { dir.make_node("l", FileType::regular, 0644, 0); }), EEXIST);
  dir.make_hard_link("l", "l2");
  EXPECT_EQ(dir.stat("l2").type, FileType::symlink);
  EXPECT_EQ(dir.stat("l2").link_count, 2u);
  dir.replace_file("l", "mine", 0600);
  EXPECT_EQ(dir.read_file("l", 10), "mine");
  EXPECT_EQ(dir.stat("l").mode, 0600u);
  EXPECT_EQ(errno_of([&] { dir.make_dir("a/..", 0755); }), EINVAL);
  EXPECT_EQ(base.read_file("canary/victim", 100), "untouched");
}

TEST_F(DirTest, MetadataOfALinkIsTheLinksOwn) {
  link("l", "../canary/victim");
  FileStat before = base.stat("canary/victim");
  dir.set_mtime("l", -1);
  EXPECT_EQ(dir.stat("l").mtime, -1);
  EXPECT_NE(errno_of([&] { dir.set_mode("l", 0777); }), 0);
  if (::geteuid() == 0) {
    dir.set_owner("l", 12, 34);
    EXPECT_EQ(dir.stat("l").uid, 12u);
    EXPECT_EQ(dir.stat("l").gid, 34u);
  }
  FileStat after = base.stat("canary/victim");
  EXPECT_EQ(before.mtime, after.mtime);
  EXPECT_EQ(before.mode, after.mode);
  EXPECT_EQ(before.uid, after.uid);
}

TEST_F(DirTest, MetadataOfAFile) {
  dir.make_dir("d", 0755);
  put("d/f");
  dir.set_mode("d/f", 06711);
  dir.set_mtime("d/f", 1'700'000'000'123'456'789);
  EXPECT_EQ(dir.stat("d/f").mode, 06711u);
  EXPECT_EQ(dir.stat("d/f").mtime, 1'700'000'000'123'456'789);
  dir.set_mode("", 0711);
  EXPECT_EQ(dir.stat("").mode, 0711u);
  EXPECT_EQ(dir.stat("d/f").size_bytes, 1u);
}

TEST_F(DirTest, ExtendedAttributes) {
  put("f");
  dir.make_dir("d", 0755);
  put("d/g");
  link("l", "f");
  if (errno_of([&] { dir.set_xattr("f", "user.a", std::string_view("1\0", 2)); }) == ENOTSUP)
    GTEST_SKIP() << "the file system of /tmp has no user.* attributes";
  dir.set_xattr("f", "user.long", std::string(1000, 'v'));
  EXPECT_THAT(dir.xattrs("f"), ElementsAre(testing::Pair("user.a", std::string("1\0", 2)),
                                           testing::Pair("user.long", std::string(1000, 'v'))));
  EXPECT_EQ(dir.xattrs("l", Links::in_root).size(), 2u);
  EXPECT_TRUE(dir.xattrs("l").empty());
  EXPECT_EQ(errno_of([&] { dir.xattrs("l", Links::refuse); }), ELOOP);
  dir.set_xattr("d/g", "user.b", "");
  EXPECT_THAT(dir.xattrs("d/g"), ElementsAre(testing::Pair("user.b", "")));
  dir.set_xattr("", "user.root", "r");
  EXPECT_EQ(dir.xattrs("").count("user.root"), 1u);
  EXPECT_NE(errno_of([&] { dir.set_xattr("l", "user.a", "through"); }), 0);
  EXPECT_EQ(dir.xattrs("f").at("user.a"), std::string("1\0", 2));
}

TEST_F(DirTest, RenameReplacesRefusesOrExchanges) {
  put("a", "A");
  put("b", "B");
  EXPECT_EQ(errno_of([&] { dir.rename("a", dir, "b", Dir::Rename::no_replace); }), EEXIST);
  dir.rename("a", dir, "b", Dir::Rename::exchange);
  EXPECT_EQ(dir.read_file("a", 10), "B");
  dir.rename("a", base, "canary/a");
  EXPECT_FALSE(dir.find_stat("a"));
  EXPECT_EQ(base.read_file("canary/a", 10), "B");
}

TEST_F(DirTest, RemoveTakesFilesAndEmptyFolders) {
  put("f");
  dir.make_dirs("d/e", 0755);
  link("l", "../canary");
  EXPECT_TRUE(dir.remove("f"));
  EXPECT_FALSE(dir.remove("f"));
  EXPECT_FALSE(dir.remove("nope/f"));
  EXPECT_EQ(errno_of([&] { dir.remove("d"); }), ENOTEMPTY);
  EXPECT_TRUE(dir.remove("d/e"));
  EXPECT_TRUE(dir.remove("d"));
  EXPECT_TRUE(dir.remove("l"));
  EXPECT_TRUE(base.find_stat("canary/victim"));
}

TEST_F(DirTest, TreesOfAnyDepthAreMadeWalkedAndRemoved) {
  std::string path;
  Dir at = dir.duplicate();
  for (int i = 0; i < 1500; ++i) {
    path += "/ddd";
    at.make_dir("ddd", 0755);
    at = at.open_dir("ddd");
  }
  at.replace_file("f", "deep", 0644);
  at = Dir();
  ASSERT_GT(path.size(), static_cast<std::size_t>(PATH_MAX));
  EXPECT_EQ(dir.read_file(path + "/f", 10), "deep");
  EXPECT_EQ(dir.read_file(path + "/f", 10, Links::in_root), "deep");
  EXPECT_EQ(dir.stat(path + "/f", Links::in_root_nofollow_last).size_bytes, 4u);
  EXPECT_FALSE(dir.find_stat(path + "/nope"));
  dir.make_dirs(path + "/more/more", 0755);
  dir.make_symlink("/", path + "/link");
  EXPECT_EQ(errno_of([&] { dir.read_file(path + "/link/ddd/x", 10); }), ELOOP);
  EXPECT_EQ(dir.read_file(path + "/link" + path + "/f", 10, Links::in_root), "deep");
  EXPECT_EQ(dir.stat(path + "/link").type, FileType::symlink);
  dir.remove_tree("ddd");
  EXPECT_TRUE(dir.list().empty());
}

TEST_F(DirTest, AnUnnamedFileGetsItsNameOnce) {
  Fd file = dir.find_unnamed(O_WRONLY, 0600).value();
  write_all(file, std::string_view("content"), "test");
  EXPECT_TRUE(dir.list().empty());
  dir.link_unnamed(file, "f");
  EXPECT_EQ(dir.read_file("f", 100), "content");
  EXPECT_EQ(errno_of([&] { dir.link_unnamed(file, "f"); }), EEXIST);
}

TEST_F(DirTest, AFileSystemWithoutUnnamedFilesWillDo) {
  put("f", "old");
  without_unnamed_files([&] {
    EXPECT_FALSE(dir.find_unnamed(O_WRONLY, 0600));
    for (Dir::Sync sync : {Dir::Sync::now, Dir::Sync::later}) {
      dir.replace_file("f", "new", 0640, sync);
      dir.replace_file("g", "new", 0640, sync);
      EXPECT_EQ(dir.read_file("f", 10) + dir.read_file("g", 10), "newnew");
      EXPECT_EQ(dir.stat("f").mode, 0640u);
    }
    Fd spool = dir.open_spool(O_RDWR, 0600);
    write_all(spool, std::string_view("spooled"), "test");
    std::byte first{};
    EXPECT_EQ(read_at(spool, {&first, 1}, 0, "test"), 1u);
    EXPECT_EQ(dir.list().size(), 2u) << "no other name is seen";
  });
}

TEST_F(DirTest, AFileIsKnownByMoreThanItsName) {
  put("f", "old");
  Fd file = dir.open_file("f", O_RDONLY);
  dir.make_hard_link("f", "g");
  put("f", "new");
  EXPECT_FALSE(dir.leads_to("f", file));
  EXPECT_TRUE(dir.leads_to("g", file));
  EXPECT_FALSE(dir.leads_to("absent", file));
}

TEST_F(DirTest, ReplaceFileTakesOverWhatAKilledWriterLeft) {
  put("f", "old");
  put(".f.new", "left over");
  put("f", "new");
  EXPECT_EQ(dir.read_file("f", 10), "new");
  EXPECT_EQ(dir.list().size(), 1u);
}

TEST_F(DirTest, FilesReplacedByManyAtOnceHoldTheContentOfOne) {
  std::vector<std::thread> writers;
  for (char c : {'a', 'b', 'c', 'd'})
    writers.emplace_back([this, c] {
      for (int i = 0; i < 20; ++i) dir.replace_file("f", std::string(100, c), 0644);
    });
  for (std::thread& writer : writers) writer.join();
  std::string content = dir.read_file("f", 1000);
  EXPECT_EQ(content, std::string(100, content[0]));
  EXPECT_EQ(dir.list().size(), 1u);
}

TEST_F(DirTest, HostFoldersAreMadeWithTheirParents) {
  Dir made = Dir::make_host(host + "/x/y/z", 0700);
  EXPECT_EQ(made.stat("").mode, 0700u);
  EXPECT_NO_THROW(Dir::make_host(host + "/x/y/z", 0700));
  EXPECT_EQ(errno_of([&] { Dir::make_host(host + "/canary/victim/z", 0700); }), ENOTDIR);
}

}  // namespace
}  // namespace imgb
