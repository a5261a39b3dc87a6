#pragma once
#include <sys/mount.h>

#include <optional>
#include <string_view>

#include "sandbox/stub/system.h"
#include "sandbox/stub/tree.h"

namespace imgb::stub {

inline constexpr std::uint64_t kNothingSpecial = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;

/// Where a world is put together.
struct Ground {
  int base = -1;    ///< A file system in memory that the world never sees as a whole.
  int kernel = -1;  ///< Its folder with /proc, /sys and /dev.
};

/// What all operations of a mount list work on and with. The base lies over "/" while the tree is built:
///   k  the ground               s  the snapshots folder     r  the root     b  bottom layers
///   e  empty                    u, w  writes to memory
///   f  files and sockets of ours, each bound to its place, and the folders of writable views
/// Every path is relative to it or to an open folder. Borrows all it is made with.
class Site {
 public:
  Site(PlanReader& plan_given, const int* sources, std::size_t count, const Control& control_given)
      : plan(plan_given), control(control_given), sources_(sources), source_count_(count) {}
  Site(const Site&) = delete;
  ~Site();

  PlanReader& plan;
  const Control& control;

  int base() const { return ground_.base; }
  int kernel() const { return ground_.kernel; }
  int next_source();  ///< The descriptor that the plan counts next.

  Ground make_ground();  ///< Targets are in its kernel folder until there is a root.
  void use_ground(const Ground& ground) { ground_ = ground; }
  void set_root(int mount);
  bool has_root() const { return root_mount_ >= 0; }
  int root_mount() const { return root_mount_; }
  const Tree& tree() const { return *tree_; }  ///< Where targets are.

  const char* next_name();  ///< A name in the base that is free; good until the next call.
  /// A detached mount of a file or folder of the base alone.
  int take(const char* name, std::uint64_t attributes);
  void put(int mount, std::string_view target, Kind kind, Links links);
  void put_own(int mount, std::string_view target, Kind kind, Links links);  ///< And closes the mount.
  void attach_at(int mount, int folder, const char* name);
  int open_parent(std::string_view path);
  /// The one that we put into /dev; the image has no say in it (V76). Ours to close.
  int null_device();

 private:
  const int* sources_;
  std::size_t source_count_;
  Ground ground_;
  int root_mount_ = -1, null_device_ = -1;
  std::optional<Tree> tree_;
  Text name_;
  std::uint64_t numbered_ = 0;
};

}  // namespace imgb::stub
