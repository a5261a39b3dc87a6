#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/oci/layer.h"

namespace imgb {

/// Every name below ROOT/snapshots is made and read here (pure):
///
///   mfzwi4/        a snapshot: base32 of the first bits of its StackKey, so short that 500 fit in one page of mount
///                  options
///   mfzwi4.ok      its ready mark: what it holds, and whether it survives a reboot
///   t-mfzwi4/      a whole tree, and t-mfzwi4.ok its mark: the file system that a stack shows, for hosts without
///                  overlayfs. A step takes it away and changes it; who only reads it holds a shared flock on it
///   s-1f0c.../     scratch of a running process, locked by it: u/ the upper and w/ the work folder
///   locks          empty; who makes a snapshot holds the byte of it that its shortest name stands for
///   (snapshot_lock.h) mount-points/  empty, but for what every step mounts something over
///
/// When two StackKeys begin alike, the second takes a longer name.
inline constexpr std::array<std::size_t, 4> kSnapshotNameLengths{6, 9, 13, 26};
std::string snapshot_name(const StackKey& stack, std::size_t length);
inline constexpr std::string_view kTreePrefix = "t-";  ///< Before the same names.
std::string mark_name(std::string_view snapshot);
/// As many bits of the StackKey as its shortest name has: one for all StackKeys that may want one name.
std::uint64_t lock_place(const StackKey& stack);
std::string lease_name(std::string_view snapshot);  ///< How a lease (core/store/lease.h) names it.
inline constexpr std::string_view kScratchPrefix = "s-";
inline constexpr std::string_view kUpperName = "u", kWorkName = "w";
/// A mark that is about to be renamed: in scratch, or here by who settles, of which there is one at a time.
inline constexpr std::string_view kNewMarkName = "new-mark";
inline constexpr std::string_view kMountPointsName = "mount-points", kLocksName = "locks";

/// A ready mark is written without a sync. It names the boot it was written in and holds for no other, until everything
/// was synced and it is written again without one: so no mark ever outlives the bytes it speaks of.
struct ReadyMark {
  StackKey stack;
  std::string boot_id;  ///< Empty: durable.
  bool holds(std::string_view this_boot) const { return boot_id.empty() || boot_id == this_boot; }
};
std::string render(const ReadyMark& mark);
std::optional<ReadyMark> find_ready_mark(std::string_view text);  ///< nullopt: torn.

}  // namespace imgb
