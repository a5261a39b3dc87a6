#include "core/base/sparse_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "core/base/dir.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

class SparseFileTest : public testing::Test {
 protected:
  void write(std::initializer_list<std::string> pieces) {
    SparseFile file(temp_.dir().open_file("f", O_WRONLY | O_CREAT | O_TRUNC, 0600), "f");
    for (const std::string& piece : pieces) file.write(as_bytes(piece));
    file.finish();
  }
  std::string content() { return temp_.dir().read_file("f", 64 << 20); }
  std::uint64_t disk_bytes() { return temp_.dir().stat("f").disk_bytes; }

  TempDir temp_;
  const std::string zeros_ = std::string(1 << 20, '\0'), data_ = std::string(1 << 20, 'x');
};

TEST_F(SparseFileTest, ZerosTakeNoRoom) {
  write({zeros_, zeros_});
  EXPECT_EQ(content(), zeros_ + zeros_);
  EXPECT_LT(disk_bytes(), 100'000U);
}

TEST_F(SparseFileTest, BytesAroundHolesAreWhereTheyBelong) {
  write({data_, zeros_, "island", zeros_, zeros_, data_});
  EXPECT_EQ(content(), data_ + zeros_ + "island" + zeros_ + zeros_ + data_);
  EXPECT_LT(disk_bytes(), 3 * data_.size());
}

TEST_F(SparseFileTest, ShortRunsOfZerosAreWritten) {
  std::string few(100, '\0');
  write({few, "a", few});
  EXPECT_EQ(content(), few + "a" + few);
}

TEST_F(SparseFileTest, AnEmptyFileStaysEmpty) {
  write({});
  EXPECT_EQ(content(), "");
}

}  // namespace
}  // namespace imgb
