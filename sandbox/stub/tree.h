#pragma once
#include <string_view>

#include "sandbox/stub/system.h"

namespace imgb::stub {

enum class Links { refuse, follow };  ///< Followed links stay inside the root.
enum class Kind { folder, file };

struct Owner {
  unsigned mode = 0755, uid = 0, gid = 0;
};

/// The root file system while it is put together. Every place in it is reached from its descriptor (V75, V79).
class Tree {
 public:
  Tree(int root, const Control& control);
  int root() const { return root_; }

  /// The place as O_PATH descriptor; what is missing of it is made, reported as a stub (unless `keep`) and leaves its
  /// parent's time as it was. Fails when it crosses a link that may not be followed, or is of the other kind.
  int open_target(std::string_view path, Kind kind, Links links, const Owner* keep = nullptr) const;
  /// An existing place, no links; -1 when there is none.
  int find(std::string_view path) const;

 private:
  int make(int parent, const char* name, std::string_view path, Kind kind, const Owner* keep) const;
  void check_kind(int place, Kind kind, std::string_view path, const Owner* keep) const;
  int root_;
  unsigned long root_device_;
  const Control* control_;
};

}  // namespace imgb::stub
