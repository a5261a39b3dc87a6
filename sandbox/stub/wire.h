#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

/// How imgb speaks with its stub, the small static program that makes a step's world. Both come from one build, so the
/// format has no version. Numbers are of this machine's byte order, texts a 32-bit length and the bytes.
///
/// Three sockets (SOCK_SEQPACKET):
///   spawner   imgb <-> the spawner process, one per Sandbox and kind (descriptor 3): namespaces, then one SpawnRequest
///             per world
///   control   imgb <-> process 1 of one world: the ground (not in a chroot) and its descriptors, at some time the plan
///             and its, then Reports out; end of file means that the other side is gone
namespace imgb::stub {

/// First letter of the stub's argv[1]; a "u" after it: with a user namespace. A confiner makes no worlds: its process 1
/// is no first one of a namespace, and its program runs in a chroot.
enum class Mode : char { spawner = 's', confiner = 'c', joiner = 'j', network = 'n' };

/// Message of the spawner at its start: `made`, with the user namespace as descriptor, when there is one; answered by
/// one byte when it is mapped.
enum class Hello : char { made = 'u', ready = 'r', failed = 'f' };

/// With the control socket as descriptor, and the network namespace when join_network. A world that has ended keeps its
/// number until a request lets go of it: that one makes no world and has no answer.
struct SpawnRequest {
  std::uint64_t clone_flags = 0;
  std::uint32_t join_network = 0;
  std::int32_t let_go = 0;
};
struct SpawnReply {  ///< With a pidfd when pid > 0.
  std::int32_t pid = 0;
  std::int32_t error = 0;  ///< errno
};

/// Of the ground and of the plan: with it (a memfd) as first descriptor, then stdin, stdout and stderr (not with the
/// ground), then those that it counts from 0.
struct PlanHeader {
  std::uint64_t plan_bytes = 0;
  std::uint64_t stdio_count = 0;
};
enum class Report : char {
  stub = 'p',      ///< Mount targets that were made: their paths follow, each with a NUL. Before other reports.
  terminal = 't',  ///< Our side of the terminal comes as descriptor.
  socket = 'l',    ///< A listening socket comes as descriptor; 32-bit number of the relay follows.
  started = 's',   ///< The program was executed; a pidfd of it comes as descriptor.
  exited = 'x',    ///< ExitReport follows: the end.
  failed = 'e',    ///< FailureReport follows, then its text: the end.
};
struct ExitReport {
  std::int32_t code = 0, signal = 0;
};
enum class Failure : std::int32_t {
  system,          ///< errno and what was being done.
  no_program,      ///< execve: no such file.
  not_executable,  ///< execve: permission, or format.
  bad_target,      ///< A mount target that crosses a link or is of the wrong type.
};
struct FailureReport {
  Failure kind = Failure::system;
  std::int32_t error = 0;
};
inline constexpr std::size_t kMaxReportBytes = 8192;
inline constexpr std::size_t kMaxDescriptors = 200;

/// Operations of the mount list, in the order of the plan. Each is its code and then its fields.
enum class Op : std::uint32_t {
  overlay = 1,  ///< descriptor; upper, work; attributes; count, lower names (top first)
  file_system,  ///< target; type; attributes; count, options as key and value
  attach,       ///< target; descriptor; is folder; attributes; follow links
  throw_away,   ///< target; descriptor; is folder: a copy-on-write view of a source
  file,         ///< target; mode, uid, gid; attributes; content
  socket,       ///< target; mode, uid, gid; relay number
  mask,         ///< path; descriptor of the null device
  mask_each,    ///< folder; prefix of names; name below: masks folder/prefix*/name
  read_only,    ///< path
  move,         ///< path: a part of the ground to the same path of the root
  symlink,      ///< path; text
  folder,       ///< path; mode, uid, gid: made when missing
  tree,         ///< descriptor: the root file system in one folder
};

}  // namespace imgb::stub
