#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/dir.h"

namespace imgb {

// The insides of Dir, shared by its source files.

std::string_view without_slashes(std::string_view path);  ///< At both ends.

/// openat2 below `root` as `links` says; paths too long for the kernel are walked in pieces. Returns -1 and errno.
int open_below(const Fd& root, std::string_view path, int flags, std::uint32_t mode, Links links);

/// The parent folder of a path, opened, and its last component. A one-component path borrows the folder itself.
class Dir::Place {
 public:
  Place(const Dir& dir, std::string_view path, Links links);
  int at() const { return at_; }
  const char* leaf() const { return leaf_.c_str(); }
  /// A name for the calls without an *at form (extended attributes), still bound to the open folder.
  std::string proc_path() const;

 private:
  Fd owned_;
  int at_ = -1;
  std::string leaf_;
};

}  // namespace imgb
