#include "builder/stat_cache.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

constexpr Nanoseconds kSecond = kNanosecondsPerSecond;

FileStat file(std::uint64_t inode, Nanoseconds mtime = 100 * kSecond + 5) {
  FileStat stat;
  stat.device = 1;
  stat.inode = inode;
  stat.size_bytes = 10;
  stat.mtime = mtime;
  stat.ctime = mtime;
  stat.mode = 0644;
  return stat;
}

StatCache reopened(const StatCache& cache) { return StatCache(cache.render()); }

TEST(StatCache, RemembersFilesAcrossRuns) {
  StatCache cache;
  for (std::uint64_t i : {5, 1, 3}) cache.add(file(i), {Digest::of(std::to_string(i)), i == 3}, 200 * kSecond);
  StatCache again = reopened(cache);
  EXPECT_EQ(again.size(), 3u);
  EXPECT_EQ(again.find(file(1)).value().content, Digest::of("1"));
  EXPECT_TRUE(again.find(file(3)).value().has_xattrs);
  EXPECT_FALSE(again.find(file(2)));
  EXPECT_FALSE(again.changed());
}

TEST(StatCache, AnyChangeOfTheStatForgetsTheFile) {
  StatCache cache;
  cache.add(file(1), {Digest::of("x")}, 200 * kSecond);
  StatCache again = reopened(cache);
  auto changed = [&](auto change) {
    FileStat other = file(1);
    change(other);
    return again.find(other).has_value();
  };
  EXPECT_FALSE(changed([](FileStat& f) { f.size_bytes++; }));
  EXPECT_FALSE(changed([](FileStat& f) { f.mtime++; }));
  EXPECT_FALSE(changed([](FileStat& f) { f.ctime++; }));
  EXPECT_FALSE(changed([](FileStat& f) { f.mode ^= 0111; }));
  EXPECT_FALSE(changed([](FileStat& f) { f.device++; }));
}

TEST(StatCache, FileThatCouldStillChangeUnseenIsNotRemembered) {
  StatCache cache;
  cache.add(file(1, 200 * kSecond + 1), {Digest::of("x")}, 200 * kSecond + 10'000'000);
  cache.add(file(2, 199 * kSecond), {Digest::of("x")}, 200 * kSecond);  // a clock of whole seconds
  EXPECT_FALSE(cache.changed());
  cache.add(file(3, 199 * kSecond + 7), {Digest::of("x")}, 200 * kSecond);
  EXPECT_TRUE(cache.changed());
}

TEST(StatCache, NewRecordReplacesTheOldOneOfTheSameFile) {
  StatCache first;
  first.add(file(1), {Digest::of("old")}, 200 * kSecond);
  first.add(file(2), {Digest::of("two")}, 200 * kSecond);
  StatCache second = reopened(first);
  second.add(file(1, 150 * kSecond + 9), {Digest::of("new")}, 200 * kSecond);
  StatCache third = reopened(second);
  EXPECT_EQ(third.size(), 2u);
  EXPECT_EQ(third.find(file(1, 150 * kSecond + 9)).value().content, Digest::of("new"));
  EXPECT_FALSE(third.find(file(1)));
  EXPECT_TRUE(third.find(file(2)));
}

TEST(StatCache, AnyOtherBytesAreAnEmptyCache) {
  StatCache cache;
  cache.add(file(1), {Digest::of("x")}, 200 * kSecond);
  std::string good = cache.render();
  for (const std::string& bad :
       {std::string(), std::string("x"), good.substr(1), good.substr(0, good.size() - 1), good + "y"}) {
    EXPECT_EQ(StatCache(bad).size(), 0u);
    EXPECT_FALSE(StatCache(bad).find(file(1)));
  }
}

}  // namespace
}  // namespace imgb
