#pragma once
#include <cstdint>
#include <memory>

#include "core/base/stream.h"

namespace imgb {

inline constexpr std::uint64_t kMaxDecodedBytes = 1ULL << 40;

/// What a stream holds once it is decompressed: gzip, zstd, xz or bzip2 by its first bytes, anything else as it is. The
/// decompressor, which reads hostile bytes, runs in a confined child (layerfs/decoder_child.h) and works while the
/// caller does; bytes that are not compressed need none. Borrows `from`.
///
/// Errors of read(): corrupt (cut short, wrong checksum), input (more than `max_bytes`, a bomb: V20), and what `from`
/// throws. Not shared between threads.
std::unique_ptr<Source> decode_confined(Source& from, std::uint64_t max_bytes = kMaxDecodedBytes);

}  // namespace imgb
