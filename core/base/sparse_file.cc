#include "core/base/sparse_file.h"

#include <unistd.h>

#include <cstring>
#include <utility>

#include "core/base/error.h"

namespace imgb {
namespace {

constexpr std::size_t kWorthAHole = 16 << 10;  // it costs calls of its own

bool is_zero(std::span<const std::byte> bytes) {
  return bytes.front() == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

void SparseFile::write(std::span<const std::byte> bytes) {
  bool hole = bytes.size() >= kWorthAHole && is_zero(bytes);
  if (!hole && in_hole_ && ::lseek(file_.get(), static_cast<off_t>(size_bytes_), SEEK_SET) < 0)
    throw_errno("writing {}", what_);
  if (!hole) write_all(file_, bytes, what_);
  in_hole_ = hole;
  size_bytes_ += bytes.size();
}

void SparseFile::finish() {
  if (std::exchange(in_hole_, false) && ::ftruncate(file_.get(), static_cast<off_t>(size_bytes_)) < 0)
    throw_errno("writing {}", what_);
}

}  // namespace imgb
