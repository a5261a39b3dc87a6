#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "core/base/error.h"
#include "layerfs/ingest.h"
#include "tests/support/compress.h"
#include "tests/support/tar_forger.h"
#include "tests/support/temp_dir.h"

// Layers that are small on the wire and large in memory (V13 to V15, V20, V21): what their confined reader takes is
// bounded by what it may take, not by what they say. Tars are made while they are read; nothing here is large.

namespace imgb {
namespace {

using testing::HasSubstr;

constexpr long kMiB = 1024;  // ru_maxrss is in KiB

class HostileMemory : public testing::Test {
 protected:
  /// The failure of a layer that `write` writes, compressed on the way. Gzip: thousands of equal members cost little.
  template <class Write>
  std::string failure(Write write, const IngestLimits& limits = {}) {
    Descriptor blob{.media_type = std::string(media_type::kOciLayerGzip), .digest = Digest::of("x"), .size_bytes = 1};
    StreamBlob stream = [&](const Descriptor&, Sink& into) {
      CompressingSink compressed(Compression::gzip, 1, into);
      write(compressed);
      compressed.finish();
    };
    try {
      scan_layer(store, blob, {}, stream, limits, {});
    } catch (const Error& e) {
      EXPECT_TRUE(e.kind() == ErrorKind::input || e.kind() == ErrorKind::corrupt) << e.what();
      return e.what();
    }
    return "accepted";
  }
  /// Peak of the largest child so far. CTest runs each test in a process of its own.
  static long child_peak() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_maxrss;
  }
  static long own_peak() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  }
  TempDir root;
  Store store = Store::open(root.path());
};

/// Writes `count` members, each made by `make(number)`, in pieces of a megabyte.
template <class Make>
auto members(std::uint64_t count, Make make) {
  return [=](Sink& into) {
    std::string piece;
    for (std::uint64_t i = 0; i < count; ++i) {
      piece += make(i);
      if (piece.size() < 1 << 20 && i + 1 < count) continue;
      into.write(as_bytes(piece));
      piece.clear();
    }
  };
}

TEST_F(HostileMemory, V21MillionsOfEntriesEndAtTheLimit) {
  IngestLimits limits{.max_entries = 300'000};
  auto empty = [](std::uint64_t i) { return TarForger().file("f" + std::to_string(i)).without_end(); };
  EXPECT_THAT(failure(members(5'000'000, empty), limits), HasSubstr("more than 300000 entries"));
  EXPECT_LT(child_peak(), 160 * kMiB);
  EXPECT_LT(own_peak(), 160 * kMiB);
}

TEST_F(HostileMemory, V21AttributesAreBoundedTogether) {
  auto large = [](std::uint64_t i) {
    return TarForger()
        .add({.name = "f" + std::to_string(i), .pax = {{"SCHILY.xattr.user.x", std::string(900'000, 'v')}}})
        .without_end();
  };
  EXPECT_THAT(failure(members(3'000, large)), HasSubstr("names and attributes"));
  EXPECT_LT(child_peak(), 600 * kMiB);
}

TEST_F(HostileMemory, V21DeepNamesAreBoundedTogether) {
  std::string deep;
  for (int i = 0; i < 39; ++i) deep += std::string(100, 'd') + "/";
  auto below = [&](std::uint64_t i) { return TarForger().file(deep + std::to_string(i)).without_end(); };
  EXPECT_THAT(failure(members(60'000, below)), HasSubstr("names and attributes"));
  EXPECT_LT(child_peak(), 600 * kMiB);
}

TEST_F(HostileMemory, V21LinksThatLeadInCirclesOfManyFoldersEnd) {
  std::string around;
  for (int i = 0; i < 800; ++i) around += "d/../";
  auto member = [&](std::uint64_t i) {
    if (i == 0) return TarForger().dir("d").without_end();
    if (i <= 35) {
      std::string target = around + (i == 1 ? "d" : "l" + std::to_string(i - 1));
      return TarForger().symlink("l" + std::to_string(i), target).without_end();
    }
    // Parents differ, so that nothing is remembered from the entry before.
    return TarForger().file("l" + std::to_string(34 + i % 2) + "/f" + std::to_string(i)).without_end();
  };
  EXPECT_THAT(failure(members(100'000, member)), HasSubstr("symbolic links"));
  EXPECT_LT(child_peak(), 160 * kMiB);
}

TEST_F(HostileMemory, V13SizesThatLieAllocateNothing) {
  std::string size("\x80\0\0\0\x3f\xff\xff\xff\xff\xff\xff\xff", 12);
  auto lies = members(1, [&](std::uint64_t) { return TarForger().file("f").patch(512, 124, size).without_end(); });
  failure(lies);
  EXPECT_LT(child_peak(), 100 * kMiB);
}

TEST_F(HostileMemory, V20ABombIsReadWithoutBeingKept) {
  auto zeros = [](Sink& into) {
    into.write(as_bytes(TarForger().file("zeros").patch(512, 124, "77777777777").without_end()));
    std::string piece(1 << 20, '\0');
    for (int i = 0; i < 300; ++i) into.write(as_bytes(piece));
  };
  EXPECT_THAT(failure(zeros, {.max_layer_bytes = 200 << 20}), HasSubstr("larger than"));
  EXPECT_LT(child_peak(), 100 * kMiB);
}

}  // namespace
}  // namespace imgb
