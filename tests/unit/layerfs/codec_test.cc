#include "layerfs/codec.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "core/base/error.h"
#include "tests/support/compress.h"

namespace imgb {
namespace {

/// Half noise, half repetition.
std::string sample(std::size_t bytes, unsigned seed = 1) {
  std::minstd_rand random(seed);
  std::string text;
  while (text.size() < bytes) {
    std::size_t run = random() % 400;
    if (random() % 2 && text.size() > 1000) {
      text += text.substr(random() % (text.size() - 500), run);
    } else {
      for (std::size_t i = 0; i < run; ++i) text += static_cast<char>(random() % 256);
    }
  }
  text.resize(bytes);
  return text;
}

/// Gives a few bytes at a time.
class Dripping : public Source {
 public:
  Dripping(std::string_view text, std::size_t piece) : rest_(text), piece_(piece) {}
  std::size_t read(std::span<std::byte> into) override {
    std::size_t count = std::min({piece_, into.size(), rest_.size()});
    std::copy_n(as_bytes(rest_).begin(), count, into.begin());
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
  std::size_t piece_;
};

std::string decompress(Compression how, std::string_view bytes, std::size_t in = 1 << 20, std::size_t out = 1 << 16) {
  Dripping from(bytes, in);
  auto source = make_decompressor(how, from);
  std::string text, buffer(out, '\0');
  while (std::size_t got = source->read(std::as_writable_bytes(std::span(buffer)))) text.append(buffer, 0, got);
  return text;
}

struct Way {
  Compression compression;
  std::optional<int> level;
};
class Codec : public testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, Codec,
                         testing::Values(Way{Compression::none, {}}, Way{Compression::gzip, {}},
                                         Way{Compression::gzip, 0}, Way{Compression::gzip, 2},
                                         Way{Compression::gzip, 3}, Way{Compression::gzip, 9},
                                         Way{Compression::zstd, {}}, Way{Compression::zstd, 19}));

TEST_P(Codec, GivesBackWhatWentIn) {
  auto [how, level] = GetParam();
  for (std::size_t size : {0UL, 1UL, 511UL, 70'000UL, 3'000'000UL}) {
    std::string text = sample(size);
    EXPECT_EQ(decompress(how, compress(how, level, text)), text) << size;
  }
}

TEST_P(Codec, ReadsInPiecesOfAnySize) {
  auto [how, level] = GetParam();
  std::string text = sample(20'000), bytes = compress(how, level, text);
  for (std::size_t in : {1UL, 7UL, 8UL, 4096UL, 65'537UL}) {
    for (std::size_t out : {1UL, 3UL, 511UL, 100'000UL})
      ASSERT_EQ(decompress(how, bytes, in, out), text) << in << ' ' << out;
  }
}

TEST_P(Codec, ConcatenatedStreamsAreOne) {
  auto [how, level] = GetParam();
  std::string first = sample(90'001, 2), second = sample(5, 3), third = sample(40'000, 4);
  std::string bytes = compress(how, level, first) + compress(how, level, "") + compress(how, level, second) +
                      compress(how, level, third);
  for (std::size_t in : {1UL, 2UL, 13UL, 1UL << 20})
    EXPECT_EQ(decompress(how, bytes, in), first + second + third) << in;
}

class CheckedCodec : public testing::TestWithParam<Way> {};  // those with an end and a checksum of their own
INSTANTIATE_TEST_SUITE_P(Ways, CheckedCodec,
                         testing::Values(Way{Compression::gzip, {}}, Way{Compression::gzip, 9},
                                         Way{Compression::zstd, {}}));

TEST_P(CheckedCodec, ACutStreamIsCorruptWhereverItIsCut) {
  auto [how, level] = GetParam();
  std::string bytes = compress(how, level, sample(30'000));
  for (std::size_t sixteenth = 0; sixteenth < 16; ++sixteenth) {
    try {
      decompress(how, bytes.substr(0, bytes.size() * sixteenth / 16));
      ADD_FAILURE() << sixteenth;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::corrupt);
    }
  }
  EXPECT_THROW(decompress(how, bytes.substr(0, bytes.size() - 1)), Error);
}

TEST_P(CheckedCodec, AChangedByteOrJunkBehindIsCorrupt) {
  auto [how, level] = GetParam();
  std::string bytes = compress(how, level, sample(30'000));
  std::string bad = bytes;
  bad[bad.size() / 2] ^= 1;
  EXPECT_THROW(decompress(how, bad), Error);
  bad = bytes;
  bad[bad.size() - 2] ^= 1;  // the checksum or the length at the end
  EXPECT_THROW(decompress(how, bad), Error);
  EXPECT_THROW(decompress(how, bytes + "junk that is no member"), Error);
}

TEST(Codec, GzipHeaderHoldsNoNameAndNoTime) {
  std::string bytes = compress(Compression::gzip, {}, "x");
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
}

TEST(Codec, LevelsOutsideTheScaleAreAUsageError) {
  for (auto [how, level] : {std::pair(Compression::gzip, 10), {Compression::gzip, -1}, {Compression::zstd, 20}}) {
    try {
      compress(how, level, "");
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
    }
  }
}

TEST(Codec, AZstdWindowAbove128MiBIsRefused) {
  // Frame header: magic, no single segment, window descriptor with exponent 18 (2^28 bytes), one empty last raw block.
  std::string frame("\x28\xb5\x2f\xfd\x00\x90\x01\x00\x00", 9);
  EXPECT_THROW(decompress(Compression::zstd, frame), Error);
  frame[5] = static_cast<char>(0x88);  // 2^27
  EXPECT_EQ(decompress(Compression::zstd, frame), "");
}

TEST(Codec, SniffsTheFormatFromTheFirstBytes) {
  EXPECT_EQ(sniff_compression(as_bytes(compress(Compression::gzip, {}, "x"))), Compression::gzip);
  EXPECT_EQ(sniff_compression(as_bytes(compress(Compression::zstd, {}, "x"))), Compression::zstd);
  EXPECT_EQ(sniff_compression(as_bytes("etc/passwd")), Compression::none);
}

TEST(Codec, ArchivesOfUsersMayAlsoBeXzOrBzip2) {
  // printf 'hello\n' | xz --check=crc32, | bzip2
  std::string xz(
      "\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3"
      "\x01\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x00\x00\x20\x30\x3a\x36\x00\x01\x1a\x06\xc5\xea\xc8\x79"
      "\x90\x42\x99\x0d\x01\x00\x00\x00\x00\x01\x59\x5a",
      60);
  std::string bzip2(
      "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xc1\xc0\x80\xe2\x00\x00\x01\x41\x00\x00\x10\x02\x44\xa0"
      "\x00\x30\xcd\x00\xc3\x46\x29\x97\x17\x72\x45\x38\x50\x90\xc1\xc0\x80\xe2",
      42);
  for (const std::string& bytes : {xz, bzip2, compress(Compression::gzip, {}, "hello\n"), std::string("hello\n")}) {
    SpanSource from(bytes);
    EXPECT_EQ(read_all(*make_sniffing_decompressor(from), 100, "archive"), "hello\n");
  }
  std::string twice = bzip2 + bzip2;
  SpanSource from(twice);
  EXPECT_EQ(read_all(*make_sniffing_decompressor(from), 100, "archive"), "hello\nhello\n");
}

}  // namespace
}  // namespace imgb
