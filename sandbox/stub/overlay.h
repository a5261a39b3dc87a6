#pragma once
#include <string_view>

#include "sandbox/stub/system.h"

namespace imgb::stub {

inline constexpr std::size_t kMaxLower = 4096;

/// An overlay over folders named relative to the current folder.
struct OverlayFolders {
  std::string_view upper, work;
  const std::string_view* lower = nullptr;  ///< Top first.
  std::size_t lower_count = 0;
  bool user_xattrs = true;
};

/// Mounts the overlay at the folder `place` and returns it open. Stacks deeper than the kernel takes at once are made
/// in two: the bottom part is merged into the folder `bottom` first. Both by their paths from here.
/// The root of a step is `volatile`: no sync of the host's disk when it is unmounted; the caller syncs what it keeps.
int mount_overlay(const OverlayFolders& folders, const char* bottom, const char* place, std::uint64_t attributes,
                  const Control& control);

}  // namespace imgb::stub
