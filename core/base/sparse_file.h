#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "core/base/fd.h"
#include "core/base/stream.h"

namespace imgb {

/// An empty file that is written from its beginning. Zeros that come in long pieces become holes, so that an image of a
/// disk takes what is on that disk, and not its size. finish() gives the file its size: call it last.
class SparseFile : public Sink {
 public:
  SparseFile(Fd file, std::string what) : file_(std::move(file)), what_(std::move(what)) {}
  void write(std::span<const std::byte> bytes) override;
  void finish();
  const Fd& fd() const { return file_; }
  const std::string& what() const { return what_; }  ///< For messages.

 private:
  Fd file_;
  std::string what_;
  std::uint64_t size_bytes_ = 0;
  bool in_hole_ = false;
};

}  // namespace imgb
