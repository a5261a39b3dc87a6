#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "core/base/error.h"
#include "core/base/text.h"
#include "tests/support/temp_dir.h"
#include "tests/system/store/worker.h"

namespace imgb {
namespace {

std::vector<std::string> strace(const std::filesystem::path& log, const std::string& call, const std::string& fault) {
  std::vector<std::string> words = {"strace", "-f", "-qq", "-o", log.string(), "-e", "trace=" + call};
  if (!fault.empty()) words.insert(words.end(), {"-e", "inject=" + call + ":" + fault});
  return words;
}

/// How often the work makes a call.
int count_calls(const std::filesystem::path& folder, const std::string& call) {
  std::filesystem::path log = folder / "log";
  EXPECT_TRUE(start_store_work(folder / "counted", strace(log, call, "")).wait().ok());
  std::ifstream lines(log);
  int count = 0;
  for (std::string line; std::getline(lines, line);) count += line.find(call + "(") != std::string::npos;
  return count;
}

/// Every point at which the work changes the disk, one kind of call each.
class FaultAt : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    calls_ = count_calls(temp_.path(), GetParam());
    ASSERT_GT(calls_, 0) << "the work makes no such call any more: drop it from the list";
  }
  /// `fault`, strace's words, at each call in turn, on a store that is new each time.
  template <class Check>
  void at_each_call(const std::string& fault, Check check) {
    for (int n = 1; n <= calls_; ++n) {
      SCOPED_TRACE(fmt::format("{} number {} of {}", GetParam(), n, calls_));
      std::filesystem::path root = temp_.path() / fmt::format("{}", n);
      ExitStatus status =
          start_store_work(root, strace(temp_.path() / "log", GetParam(), fmt::format("{}:when={}", fault, n))).wait();
      check(status);
      expect_usable(root);
      temp_.dir().remove_tree(root.filename().string());
    }
  }
  TempDir temp_;
  int calls_ = 0;
};

TEST_P(FaultAt, KilledThereTheNextCommandWorks) {
  at_each_call("signal=KILL", [](const ExitStatus& status) { EXPECT_FALSE(status.ok()); });
}

TEST_P(FaultAt, AnInputOutputErrorThereDoesNoHarm) {
  at_each_call("error=EIO", [](const ExitStatus& status) { EXPECT_EQ(status.signal, 0); });
}

INSTANTIATE_TEST_SUITE_P(Calls, FaultAt,
                         testing::Values("linkat", "renameat", "fdatasync", "fsync", "mkdirat", "fchmod", "write",
                                         "pwrite64", "flock", "sync_file_range"),
                         [](const auto& call) { return std::string(call.param); });

/// A tmpfs of its own, so that it can be full.
class SmallDisk {
 public:
  explicit SmallDisk(std::filesystem::path where) : where_(std::move(where)) {
    std::filesystem::create_directory(where_);
  }
  SmallDisk(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(where_.c_str(), MNT_DETACH);
  }
  bool set_size(std::size_t bytes) {
    int flags = mounted_ ? MS_REMOUNT : 0;
    mounted_ = ::mount("tmpfs", where_.c_str(), "tmpfs", static_cast<unsigned long>(flags),
                       fmt::format("size={}", bytes).c_str()) == 0 ||
               mounted_;
    return mounted_;
  }

 private:
  std::filesystem::path where_;
  bool mounted_ = false;
};

TEST(FullDisk, TheWorkFailsAndGoesOnWhenThereIsRoom) {
  for (std::size_t kilobytes : {8, 64, 320, 640, 900}) {
    SCOPED_TRACE(fmt::format("{} kB", kilobytes));
    TempDir temp;
    SmallDisk disk(temp.path() / "disk");
    if (!disk.set_size(kilobytes << 10)) GTEST_SKIP() << "no tmpfs may be mounted here";
    std::filesystem::path root = temp.path() / "disk" / "s";
    ExitStatus status = start_store_work(root).wait();
    EXPECT_EQ(status.signal, 0);
    EXPECT_FALSE(status.ok());
    ASSERT_TRUE(disk.set_size(64 << 20));
    expect_usable(root);
  }
}

TEST(ManyProcesses, AllSucceedOnOneStore) {
  TempDir temp;
  std::vector<Child> children;
  for (int i = 0; i < 16; ++i) children.push_back(start_store_work(temp.path() / "s"));
  for (Child& child : children) EXPECT_TRUE(child.wait().ok());
  expect_usable(temp.path() / "s");
}

TEST(ManyProcesses, ThoseThatAreKilledDoNotHurtTheOthers) {
  TempDir temp;
  std::vector<Child> children;
  for (int i = 0; i < 16; ++i) children.push_back(start_store_work(temp.path() / "s"));
  for (std::size_t i = 0; i < children.size(); i += 3) {
    // Somewhere in its work, a different place for each; some have ended by then.
    if (!children[i].wait_for(std::chrono::milliseconds(10 * i))) children[i].signal(SIGKILL);
  }
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (i % 3 == 0) continue;
    EXPECT_TRUE(children[i].wait().ok()) << i;
  }
  expect_usable(temp.path() / "s");
}

}  // namespace
}  // namespace imgb
