#include "layerfs/background_remover.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/remove_tree.h"
#include "core/store/file_lock.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

void make_tree(const Dir& in, const std::string& name) {
  for (const char* sub : {"/a/b", "/c"}) {
    in.make_dirs(name + sub, 0755);
    in.replace_file(name + sub + "/f", "x", 0644, Dir::Sync::later);
  }
}

TEST(BackgroundRemover, HasRemovedEverythingWhenItIsDestroyed) {
  TempDir temp;
  Dir dir = temp.dir();
  {
    BackgroundRemover remover;
    for (int i = 0; i < 20; ++i) {
      std::string name = "t" + std::to_string(i);
      make_tree(dir, name);
      remover.remove(dir.duplicate(), name, dir.open_dir(name));
    }
  }
  EXPECT_TRUE(dir.list().empty());
}

/// A second is for what is small; on a busy disk some of it may be left, which is the next process's.
TEST(BackgroundRemover, InAHurryWhatIsLeftIsNobodysAnyMore) {
  TempDir temp;
  Dir dir = temp.dir();
  {
    BackgroundRemover remover;
    make_tree(dir, "t");
    Dir lock = dir.open_dir("t");
    ASSERT_TRUE(try_lock(lock.fd()));
    remover.remove(dir.duplicate(), "t", std::move(lock));
    remover.hurry();
  }
  auto left = dir.find_dir("t");
  EXPECT_TRUE(!left || try_lock(left->fd()));
}

TEST(RemoveTree, EndsWhenItIsStoppedAndLeavesTheRest) {
  TempDir temp;
  Dir dir = temp.dir();
  make_tree(dir, "t");
  std::stop_source stop;
  stop.request_stop();
  try {
    remove_tree(dir, "t", stop.get_token());
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::cancelled);
  }
  EXPECT_TRUE(dir.find_stat("t/a/b/f"));
  remove_tree(dir, "t", {});
  EXPECT_FALSE(dir.find_stat("t"));
}

}  // namespace
}  // namespace imgb
