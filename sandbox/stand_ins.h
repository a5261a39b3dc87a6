#pragma once
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/dir.h"
#include "sandbox/plan.h"

namespace imgb {

/// What a step without mounts sees in its tree instead of what is there (SandboxPlan::stand_ins). Nobody else changes
/// the tree while they are put there and taken away. Folders keep the times that they have. Destroyed: as `restore`.
///
/// Places are reached through the tree's descriptor; links on the way to them are followed inside it, but not the last
/// component: that one is put aside, whatever it is. What is missing on the way is made, and removed again if it is
/// still empty then.
class StandIns {
 public:
  /// `aside`: an empty folder of the same mount as the tree.
  StandIns(Dir tree, Dir aside) : tree_(std::move(tree)), aside_(std::move(aside)) {}
  StandIns(const StandIns&) = delete;
  ~StandIns();

  /// Errors: input (a file where a folder is to be, or the other way round), unsupported (no devices here), system.
  void put(const StandIn& one, const StepSpec& spec);
  /// It stays.
  void make_working_folder(const RootedPath& path, const UserIds& user);
  /// Listening sockets with their place in StepSpec::mounts.
  std::vector<std::pair<std::size_t, Fd>> take_sockets() { return std::exchange(sockets_, {}); }
  /// Puts everything back. Error(input) when the step has moved or removed a cache's folder; all else is back then.
  void restore();

 private:
  struct Put {
    Dir parent;
    std::string name;
    std::optional<std::string> aside;  ///< Where the original is.
    std::uint64_t inode = 0;           ///< Of what was put there.
    const Dir* home = nullptr;         ///< Where it belongs, if it was moved here.
    std::string name_at_home;
    std::string target;
  };
  struct Made {
    Dir parent;
    std::string name;
  };
  Dir open_parent(const RootedPath& path, const UserIds* owner);
  void make(const Dir& parent, const std::string& name, const StandIn& one, const StepSpec& spec, Put& put);
  void make_devices(const Dir& parent, const std::string& name);
  void make_copy(const Dir& parent, const std::string& name, const BindMount& bind);
  void make_socket(const Dir& parent, const std::string& name, const stand_in::Socket& socket);
  void take_away(Put& put);

  Dir tree_, aside_;
  std::vector<Put> put_;
  std::vector<Made> made_;
  std::vector<std::pair<std::size_t, Fd>> sockets_;
  std::vector<std::string> lost_;
};

}  // namespace imgb
