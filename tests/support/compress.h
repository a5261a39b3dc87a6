#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/stream.h"
#include "core/oci/descriptor.h"
#include "layerfs/codec.h"

namespace imgb {

/// The text as one compressed stream, cut into segments of `piece` bytes.
std::string compress(Compression how, std::optional<int> level, std::string_view text, std::size_t piece = 1 << 20);

/// The same for what is too large to be kept: each write is a segment. `finish` once, last. Borrows `into`.
class CompressingSink : public Sink {
 public:
  CompressingSink(Compression how, std::optional<int> level, Sink& into);
  void write(std::span<const std::byte> bytes) override;
  void finish();

 private:
  Compression how_;
  std::unique_ptr<Compressor> compressor_;
  Sink& into_;
  std::vector<std::byte> room_;
  std::uint32_t crc_ = 0;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace imgb
