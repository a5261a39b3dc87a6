#pragma once
#include <optional>
#include <string>

#include "core/base/dir.h"
#include "sandbox/containers.h"

namespace imgb {

/// A container's log while it is written: "log", and before it "log.old" once that was full. The newest 16 to 32 MiB
/// are kept, so that no container fills the host's disk. What cannot be written (the disk may be full all the same) is
/// lost, and the log says so as soon as it can: it is no reason for a program to end.
class ContainerLog {
 public:
  explicit ContainerLog(const Dir& home);  ///< Error(system).
  void write(ContainerOwner::Stream stream, std::span<const std::byte> bytes) noexcept;
  const std::string& failure() const { return failure_; }  ///< Why something was lost; empty when nothing was.

 private:
  void append(ContainerOwner::Stream stream, std::string_view bytes);
  void start_anew();

  Dir home_;
  Fd file_;
  std::uint64_t size_ = 0;
  std::uint64_t lost_ = 0;  ///< Bytes since the last one that was written.
  std::string failure_;
};

}  // namespace imgb
