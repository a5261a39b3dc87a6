#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <vector>

namespace imgb {

/// A bounded stream of bytes from one writer thread to several reader threads, each of which sees all of it. Nothing is
/// copied: the writer fills buffers in place and readers look at them. All buffers but the last are full, so that what
/// readers see does not depend on how the writer wrote. Buffers cost memory when they are first used.
class BroadcastRing {
 public:
  BroadcastRing(std::size_t buffers, std::size_t buffer_bytes, unsigned readers, std::stop_token stop);

  // --- the writer ---
  /// The free rest of the present buffer, never empty; waits until one is free. Error(cancelled) when stopped or
  /// aborted.
  std::span<std::byte> space();
  void advance(std::size_t written_bytes);  ///< At most the size of space().
  void write(std::span<const std::byte> bytes);
  void close();                                         ///< The end: readers get what is there, then nothing.
  bool has_full_buffer() const { return filled_ > 0; }  ///< Writer's view: a reader has something to do.

  // --- the readers ---
  /// Gives back the buffer got before and waits for the next; empty at the end. Error(cancelled) when stopped or
  /// aborted.
  std::span<const std::byte> next(unsigned reader);

  void abort() noexcept;  ///< From any thread: all others get Error(cancelled).

 private:
  struct Buffer {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t length = 0;
  };
  std::uint64_t slowest() const;
  void publish();

  const std::size_t buffer_bytes_;
  std::vector<Buffer> buffers_;
  std::uint64_t filled_ = 0;             // buffers published; under mutex_ for readers
  std::size_t used_ = 0;                 // bytes in the buffer being filled; the writer's own
  bool owned_ = false;                   // the writer has buffer `filled_`; the writer's own
  std::vector<std::uint64_t> released_;  // per reader: buffers it is done with
  std::vector<bool> holding_;
  bool closed_ = false, aborted_ = false;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::stop_token stop_;
};

}  // namespace imgb
