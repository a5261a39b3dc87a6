#include <gtest/gtest.h>

#include <thread>

#include "core/base/dir.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

TEST(DirRemove, RemovesLinksAndNotWhatTheyMean) {
  TempDir temp;
  Dir dir = temp.dir();
  dir.make_dir("canary", 0755);
  dir.replace_file("canary/victim", "untouched", 0644);
  dir.make_dirs("t/a/b", 0755);
  dir.replace_file("t/a/f", "x", 0644);
  dir.make_symlink((temp.path() / "canary").string(), "t/a/b/l");
  dir.make_symlink("../canary", "t/top");
  dir.make_dir("t/locked", 0000);
  dir.remove_tree("t");
  EXPECT_FALSE(dir.find_stat("t"));
  dir.remove_tree("t");  // absent is fine
  dir.make_symlink("canary", "l");
  dir.remove_tree("l");
  EXPECT_FALSE(dir.find_stat("l"));
  EXPECT_EQ(dir.read_file("canary/victim", 100), "untouched");
}

TEST(DirRemove, AFolderThatIsGoneHasNoEntries) {
  TempDir temp;
  temp.dir().make_dir("gone", 0755);
  Dir gone = temp.dir().open_dir("gone");
  temp.dir().remove_tree("gone");
  EXPECT_TRUE(gone.list().empty());
}

TEST(DirRemove, SeveralMayRemoveOneTreeAtOnce) {
  TempDir temp;
  for (int round = 0; round < 30; ++round) {
    for (const char* path : {"t/a/b/c", "t/d/e", "t/f/g"}) temp.dir().make_dirs(path, 0755);
    for (int i = 0; i < 20; ++i) temp.dir().replace_file("t/d/" + std::to_string(i), "x", 0644, Dir::Sync::later);
    std::jthread other([&] { EXPECT_NO_THROW(temp.dir().remove_tree("t")); });
    EXPECT_NO_THROW(temp.dir().remove_tree("t"));
  }
  EXPECT_TRUE(temp.dir().list().empty());
}

}  // namespace
}  // namespace imgb
