#include "core/base/stream.h"

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace imgb {

std::uint64_t copy(Source& from, Sink& to) {
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
  std::uint64_t total = 0;
  while (std::size_t got = from.read({buffer.get(), kStreamBufferBytes})) {
    to.write({buffer.get(), got});
    total += got;
  }
  return total;
}

std::string read_all(Source& from, std::uint64_t max_bytes, std::string_view what) {
  std::string all;
  std::size_t filled = 0;
  for (;;) {
    if (filled == all.size()) all.resize(std::max<std::size_t>(16 * 1024, all.size() * 2));
    std::size_t got = from.read(std::as_writable_bytes(std::span(all)).subspan(filled));
    if (got == 0) break;
    filled += got;
    if (filled > max_bytes) throw_error(ErrorKind::input, "{} is larger than {} bytes", what, max_bytes);
  }
  all.resize(filled);
  return all;
}

std::size_t FdSource::read(std::span<std::byte> into) { return read_some(fd_, into, what_); }

void FdSink::write(std::span<const std::byte> bytes) { write_all(fd_, bytes, what_); }

std::size_t SpanSource::read(std::span<std::byte> into) {
  std::size_t take = std::min(into.size(), rest_.size());
  if (take) std::memcpy(into.data(), rest_.data(), take);
  rest_ = rest_.subspan(take);
  return take;
}

}  // namespace imgb
