#include "core/store/cache_db.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CacheDbTest : public ::testing::Test {
 protected:
  CacheDb open() { return CacheDb(root_); }
  std::vector<std::string> keys(CacheTable table) { return open().keys(table); }

  TempDir temp_;
  Dir root_ = temp_.dir();
};

TEST_F(CacheDbTest, AFileThatCannotBeUsedNowIsKept) {
  open().put(CacheTable::step, "key", "value");
  // Its log has no room to be: as on a full disk, opening fails, and the file itself is healthy.
  root_.remove("cache.db-wal");
  root_.make_dirs("cache.db-wal/in-the-way", 0700);
  {
    CacheDb cache = open();
    EXPECT_FALSE(cache.trouble()) << "nobody has asked yet";
    EXPECT_FALSE(cache.find(CacheTable::step, "key"));
    cache.put(CacheTable::step, "other", "forgotten");
    EXPECT_TRUE(cache.trouble());
  }
  root_.remove_tree("cache.db-wal");
  CacheDb cache = open();
  EXPECT_EQ(cache.find(CacheTable::step, "key"), "value");
  EXPECT_FALSE(cache.trouble());
}

TEST_F(CacheDbTest, AFileOfAnotherKindOrVersionIsReplaced) {
  root_.replace_file("cache.db", "this is no database, whatever its name says", 0600);
  {
    CacheDb cache = open();
    cache.put(CacheTable::step, "key", "value");
    EXPECT_EQ(cache.find(CacheTable::step, "key"), "value");
    EXPECT_FALSE(cache.trouble());
  }
  std::string bytes = root_.read_file("cache.db", 1 << 20);
  constexpr std::size_t kUserVersionAt = 60;  // big endian
  bytes[kUserVersionAt + 3] = 99;
  root_.replace_file("cache.db", bytes, 0600);
  EXPECT_FALSE(open().find(CacheTable::step, "key"));
}

TEST_F(CacheDbTest, DamageDeepInsideIsForgottenAndAnotherProcessesNewFileStays) {
  {
    CacheDb cache = open();
    for (int i = 0; i < 200; ++i) cache.put(CacheTable::step, std::to_string(i), std::string(1000, 'x'));
  }
  CacheDb first = open(), second = open();
  EXPECT_TRUE(first.find(CacheTable::step, "1"));
  EXPECT_TRUE(second.find(CacheTable::step, "1"));
  constexpr std::uint64_t kPageBytes = 4096;
  Fd file = root_.open_file("cache.db", O_WRONLY);
  ASSERT_EQ(::lseek(file.get(), kPageBytes, SEEK_SET), static_cast<off_t>(kPageBytes));
  write_all(file, std::string(root_.stat("cache.db").size_bytes - kPageBytes, '\x5a'), "test");
  EXPECT_FALSE(first.find(CacheTable::step, "150"));
  first.put(CacheTable::step, "new", "value");
  EXPECT_FALSE(second.find(CacheTable::step, "150"));
  EXPECT_EQ(first.find(CacheTable::step, "new"), "value");
  EXPECT_EQ(second.find(CacheTable::step, "new"), "value");
  EXPECT_EQ(open().find(CacheTable::step, "new"), "value");
}

TEST_F(CacheDbTest, RowsAreFoundByTheBeginningOfTheirKeys) {
  CacheDb cache = open();
  cache.put(CacheTable::explain, "at b", "1");
  cache.put(CacheTable::explain, "at a", "2");
  cache.put(CacheTable::explain, "of a", "3");
  cache.put(CacheTable::layer, "at c", "4");
  EXPECT_THAT(cache.keys(CacheTable::explain, "at "), ElementsAre("at a", "at b"));
  EXPECT_THAT(cache.keys(CacheTable::explain), ElementsAre("at a", "at b", "of a"));
  std::vector<std::string> values;
  cache.for_each(
      CacheTable::explain, [&](const CacheDb::Row& row) { values.push_back(row.value); }, "of ");
  EXPECT_THAT(values, ElementsAre("3"));
}

TEST_F(CacheDbTest, WhatNobodyAskedForIsRemovedAndItsSpaceGivenBack) {
  {
    CacheDb cache = open();
    for (int i = 0; i < 300; ++i) cache.put(CacheTable::explain, fmt::format("of {}", i), std::string(10'000, 'x'));
    cache.put(CacheTable::step, "kept", "value");
  }
  std::uint64_t before = root_.stat("cache.db").size_bytes;
  {
    CacheDb cache = open();
    cache.remove_unused_since(CacheTable::explain, 1);
    EXPECT_EQ(cache.keys(CacheTable::explain).size(), 300u) << "all are younger";
    cache.remove_unused_since(CacheTable::explain, now() + 1, "at ");
    EXPECT_EQ(cache.keys(CacheTable::explain).size(), 300u) << "no such keys";
    cache.remove_unused_since(CacheTable::explain, now() + 1);
    cache.shrink();
  }
  EXPECT_THAT(keys(CacheTable::explain), IsEmpty());
  EXPECT_THAT(keys(CacheTable::step), ElementsAre("kept"));
  EXPECT_LT(root_.stat("cache.db").size_bytes, before / 10);
}

}  // namespace
}  // namespace imgb
