#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/process.h"
#include "core/base/stream.h"

namespace imgb {

/// What the confined children (layerfs/ingest_child.h, layerfs/decoder_child.h) have in common. A child that fails
/// leaves "E", its ErrorKind as one byte and the message in its result, a memfd; the parent takes both for a
/// stranger's.

/// In the child: 0, or 1 with the failure reported.
int report_failure(const Fd& result, const std::function<void()>& body);

/// In the parent: the failure that `result` tells, if it tells one; then the one that `status` is. May be neither.
/// The child may have been taken over by what it read: its words are checked as those of a stranger.
void throw_reported(const Fd& result, const ExitStatus& status);

/// Counts what a decompressor takes in.
class CountingSource : public Source {
 public:
  explicit CountingSource(Fd fd) : from_(std::move(fd), "compressed bytes") {}
  std::size_t read(std::span<std::byte> into) override {
    std::size_t got = from_.read(into);
    count_ += got;
    return got;
  }
  std::uint64_t count() const { return count_; }

 private:
  FdSource from_;
  std::uint64_t count_ = 0;
};

/// Error(input) when so many compressed bytes became more than `max_bytes`, or so many that it must be a bomb (V20).
void check_expansion(std::uint64_t compressed_bytes, std::uint64_t bytes, std::uint64_t max_bytes);

}  // namespace imgb
