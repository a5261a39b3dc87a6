#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/process.h"
#include "core/store/fsck.h"
#include "tests/support/temp_dir.h"
#include "tests/support/without_unnamed_files.h"

namespace imgb {
namespace {

/// A store on a file system that has no unnamed files, such as NFS.
class WithoutUnnamedFiles : public ::testing::Test {
 protected:
  WithoutUnnamedFiles() {
    std::filesystem::create_directories(temp_.path() / "context/bin");
    std::filesystem::copy("/bin/busybox", temp_.path() / "context/bin/busybox");
    temp_.dir().replace_file("context/f", "content", 0644);
  }
  std::string store() const { return (temp_.path() / "store").string(); }
  Output imgb(std::vector<std::string> words, std::string_view input = "") const {
    words.insert(words.begin(), {IMGB_PROGRAM, "--root", store()});
    return run_helper(std::move(words), input, std::chrono::seconds(60));
  }
  std::string expect_works(const std::vector<std::string>& words, std::string_view input = "") const {
    Output done = imgb(words, input);
    EXPECT_TRUE(done.status.ok()) << words[0] << ": " << done.err;
    return done.out;
  }

  TempDir temp_;
};

TEST_F(WithoutUnnamedFiles, ImagesAreBuiltKeptAndRun) {
  temp_.dir().replace_file("context/Dockerfile",
                           "FROM scratch\nCOPY bin /bin\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\nCOPY f /f\n",
                           0644);
  std::string context = (temp_.path() / "context").string();
  without_unnamed_files([&] {
    std::string id = expect_works({"build", "-q", "--network", "none", "-t", "app:1", context});
    EXPECT_EQ(expect_works({"build", "-q", "--network", "none", "-t", "app:1", context}), id);
    EXPECT_EQ(expect_works({"run", "--rm", "--network", "none", "app:1", "/bin/busybox", "cat", "/f"}), "content");
    std::string archive = (temp_.path() / "app.tar").string();
    expect_works({"save", "-o", archive, "app:1"});
    expect_works({"rmi", "app:1"});
    expect_works({"prune", "-a"});
    expect_works({"load", "-i", archive});
    expect_works({"run", "--rm", "--network", "none", "app:1", "/bin/busybox", "test", "-e", "/made"});
    expect_works({"build", "-q", "-"}, "FROM app:1\nENV a=b\n");
  });
  Store store = Store::open(this->store());
  EXPECT_TRUE(fsck(store, {}).is_clean());
  EXPECT_TRUE(store.folder("ingest").list().empty()) << "no temporary file is left";
}

}  // namespace
}  // namespace imgb
