#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/codec.h"
#include "layerfs/decoder.h"
#include "tests/support/compress.h"

// Decompressors read what strangers wrote: they run in a child that can reach nothing (V19, V20, V106).

namespace imgb {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string compressed(Compression how, std::string_view text) { return compress(how, {}, text); }

std::string decode(std::string_view bytes, std::uint64_t max_bytes = kMaxDecodedBytes) {
  SpanSource from(bytes);
  return read_all(*decode_confined(from, max_bytes), 1 << 30, "decoded");
}

std::string first_line(const fs::path& file, std::string_view with) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(with)) return line;
  return {};
}

/// /proc/PID of our child whose command line holds `word`; empty when there is none.
fs::path child_called(std::string_view word) {
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (std::string pid; children >> pid;) {
      std::ifstream command("/proc/" + pid + "/cmdline");
      std::string words((std::istreambuf_iterator<char>(command)), {});
      if (words.find(word) != std::string::npos) return "/proc/" + pid;
    }
  }
  return {};
}

/// Gives its first half, then waits until the decoder has locked itself in, then gives the rest.
class WatchingSource : public Source {
 public:
  explicit WatchingSource(std::string_view bytes) : bytes_(bytes) {}
  std::size_t read(std::span<std::byte> into) override {
    if (bytes_.empty()) return 0;
    std::size_t count = std::min(into.size(), given_ ? bytes_.size() : bytes_.size() / 2);
    if (given_++ == 1) watch();
    std::memcpy(into.data(), bytes_.data(), count);
    bytes_.remove_prefix(count);
    return count;
  }
  std::string seccomp, no_new_privileges, capabilities;

 private:
  void watch() {
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    do {
      fs::path child = child_called("__decode");
      seccomp = first_line(child / "status", "Seccomp:");
      no_new_privileges = first_line(child / "status", "NoNewPrivs:");
      capabilities = first_line(child / "status", "CapPrm:");
      std::this_thread::yield();
    } while (seccomp != "Seccomp:\t2" && std::chrono::steady_clock::now() < end);
  }
  std::string_view bytes_;
  int given_ = 0;
};

TEST(HostileDecoder, RunsConfined) {
  std::string text(3'000'000, 'x');
  std::string bytes = compressed(Compression::gzip, text);
  WatchingSource from(bytes);
  // Two reads before the end: the second happens while the child waits.
  std::string got = read_all(*decode_confined(from), 1 << 30, "decoded");
  EXPECT_EQ(got, text);
  EXPECT_EQ(from.seccomp, "Seccomp:\t2");
  EXPECT_EQ(from.no_new_privileges, "NoNewPrivs:\t1");
  EXPECT_EQ(from.capabilities, "CapPrm:\t0000000000000000");
}

TEST(HostileDecoder, GivesBackWhatWentIn) {
  std::string text;
  for (long i = 0; i < 700'000; ++i) text += std::to_string(i * 7919);
  for (Compression how : {Compression::none, Compression::gzip, Compression::zstd})
    EXPECT_TRUE(decode(compressed(how, text)) == text) << static_cast<int>(how);
  for (std::string tiny : {"", "a", "plain bytes that are no archive"}) EXPECT_EQ(decode(tiny), tiny);
}

TEST(HostileDecoder, V19DamageIsCorruptAndNotTheEnd) {
  std::string text(100'000, 'x');
  for (Compression how : {Compression::gzip, Compression::zstd}) {
    std::string whole = compressed(how, text);
    for (std::size_t cut = 9; cut < whole.size(); cut += 1 + whole.size() / 16) {
      try {
        ADD_FAILURE() << decode(whole.substr(0, cut)).size() << " bytes from " << cut;
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::corrupt) << e.what();
      }
    }
  }
  EXPECT_THROW(decode(std::string("\xfd\x37zXZ\0nonsense", 14)), Error);
  EXPECT_THROW(decode("BZh9nonsense"), Error);
}

TEST(HostileDecoder, V20MoreThanIsAllowedIsRefused) {
  std::string bomb = compressed(Compression::zstd, std::string(50'000'000, '\0'));
  EXPECT_EQ(decode(bomb, 50'000'000).size(), 50'000'000u);
  try {
    decode(bomb, 49'999'999);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_THAT(e.what(), HasSubstr("larger than 49999999 bytes"));
  }
}

TEST(HostileDecoder, ASourceThatFailsIsTheFailure) {
  class Failing : public Source {
   public:
    explicit Failing(std::string start) : start_(std::move(start)) {}
    std::size_t read(std::span<std::byte> into) override {
      if (start_.empty()) throw_error(ErrorKind::unavailable, "gone");
      std::size_t count = std::min(into.size(), start_.size());
      std::memcpy(into.data(), start_.data(), count);
      start_.erase(0, count);
      return count;
    }

   private:
    std::string start_;
  };
  Failing from(compressed(Compression::gzip, std::string(100'000, 'x')).substr(0, 60));
  auto decoded = decode_confined(from);
  try {
    read_all(*decoded, 1 << 20, "decoded");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::unavailable);
  }
}

TEST(HostileDecoder, LeftHalfWayItLeavesNoChild) {
  std::string bytes = compressed(Compression::gzip, std::string(50'000'000, 'x'));
  {
    SpanSource from(bytes);
    auto decoded = decode_confined(from);
    std::array<std::byte, 100> some;
    EXPECT_GT(decoded->read(some), 0u);
  }
  EXPECT_EQ(child_called("__decode"), "");
}

}  // namespace
}  // namespace imgb
