#include "layerfs/background_remover.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/remove_tree.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

void make_tree(const Dir& in, const std::string& name) {
  for (const char* sub : {"/a/b", "/c"}) {
    in.make_dirs(name + sub, 0755);
    in.replace_file(name + sub + "/f", "x", 0644);
  }
}

TEST(BackgroundRemover, HasRemovedEverythingWhenItIsDestroyedAlsoInAHurry) {
  TempDir temp;
  Dir dir = temp.dir();
  for (bool hurry : {false, true}) {
    BackgroundRemover remover;
    for (int i = 0; i < 20; ++i) {
      std::string name = "t" + std::to_string(i);
      make_tree(dir, name);
      remover.remove(dir.duplicate(), name, dir.open_dir(name));
    }
    if (hurry) remover.hurry();
  }
  EXPECT_TRUE(dir.list().empty());
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
