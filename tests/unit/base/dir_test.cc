#include "core/base/dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "core/base/error.h"

namespace imgb {
namespace {

class DirTest : public ::testing::Test {
 protected:
  DirTest() {
    std::string name = (std::filesystem::temp_directory_path() / "imgb-dir-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    dir_ = Dir::open_host(path_);
  }
  ~DirTest() override { Dir::open_host(path_.parent_path()).remove_tree(path_.filename().string()); }
  int errno_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const SystemError& e) {
      return e.errno_value();
    }
    return 0;
  }
  std::filesystem::path path_;
  Dir dir_;
};

TEST_F(DirTest, NoPathLeadsOut) {
  dir_.make_symlink("/etc", "out");
  dir_.make_symlink("../../../../etc/passwd", "up");
  EXPECT_EQ(errno_of([&] { dir_.open_file("out/passwd", O_RDONLY); }), ELOOP);
  EXPECT_EQ(errno_of([&] { dir_.open_file("../x", O_RDONLY); }), EXDEV);
  EXPECT_FALSE(dir_.find_content("out/passwd", 1 << 20, Links::in_root));
  EXPECT_FALSE(dir_.find_content("up", 1 << 20, Links::in_root));
}

TEST_F(DirTest, LinksResolveInsideTheFolder) {
  dir_.make_dir("etc", 0755);
  dir_.replace_file("etc/passwd", "ours", 0644);
  dir_.make_symlink("/etc", "link");
  EXPECT_EQ(dir_.read_file("link/passwd", 100, Links::in_root), "ours");
}

TEST_F(DirTest, ReadingAFifoFailsInsteadOfWaiting) {
  dir_.make_node("pipe", FileType::fifo, 0600, 0);
  EXPECT_THROW(dir_.find_content("pipe", 100), Error);
}

TEST_F(DirTest, ATreeOfThousandsOfLevelsIsRemoved) {
  dir_.make_dir("deep", 0755);
  Dir at = dir_.open_dir("deep");
  for (int level = 0; level < 5000; ++level) {
    at.make_dir("d", 0755);
    at = at.open_dir("d");
  }
  dir_.remove_tree("deep");
  EXPECT_FALSE(dir_.find_stat("deep"));
}

TEST_F(DirTest, RemovingATreeLeavesWhatItsLinksPointAt) {
  dir_.make_dir("keep", 0755);
  dir_.replace_file("keep/file", "x", 0644);
  dir_.make_dir("tree", 0755);
  dir_.make_symlink("../keep", "tree/link");
  dir_.remove_tree("tree");
  EXPECT_TRUE(dir_.find_stat("keep/file"));
}

TEST_F(DirTest, MakeDirsTellsWhatItMade) {
  dir_.make_dir("a", 0700);
  int made = 0;
  dir_.make_dirs("a/b/c", 0755, Links::refuse, [&](const Dir&) { ++made; });
  EXPECT_EQ(made, 2);
  EXPECT_EQ(dir_.stat("a").mode, 0700u);
}

TEST_F(DirTest, AttributesAndTimesRoundTrip) {
  dir_.replace_file("f", "x", 0600);
  dir_.set_xattr("f", "user.color", "blue");
  dir_.set_mtime("f", -1'500'000'000);
  EXPECT_EQ(dir_.xattrs("f"), (Xattrs{{"user.color", "blue"}}));
  EXPECT_EQ(dir_.stat("f").mtime, -1'500'000'000);
}

TEST_F(DirTest, PathsLongerThanTheKernelsLimitWork) {
  std::string path;
  Dir at = dir_.duplicate();
  for (int level = 0; level < 60; ++level) {
    std::string name(100, static_cast<char>('a' + level % 26));
    at.make_dir(name, 0755);
    at = at.open_dir(name);
    path += (path.empty() ? "" : "/") + name;
  }
  at.replace_file("leaf", "deep", 0644);
  EXPECT_EQ(dir_.read_file(path + "/leaf", 100), "deep");
}

}  // namespace
}  // namespace imgb
