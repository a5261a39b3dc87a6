#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "builder/word.h"

namespace imgb {

/// `RUN --mount=...` as written: fields split, only `from` checked, since every other value may hold variables.
struct MountSpec {
  struct Field {
    std::string key;            ///< Lower case.
    std::optional<Word> value;  ///< nullopt: a bare word such as "ro".
    std::string text;           ///< As written, for messages.
  };
  std::vector<Field> fields;
  std::string from;  ///< Stage name, named context or image; "" is the build context (bind) or nothing (cache).
};

enum class CacheSharing { shared, private_, locked };

/// What each type of --mount holds (the sandbox has mounts of its own, hence the namespace).
/// Targets are as written after expansion: relative ones are below WORKDIR. Modes are permission bits (07777).
namespace run_mount {
struct Bind {
  std::string target, source, from;  ///< `source` "" is the root of `from`.
  bool writable = false;             ///< Writes are discarded.
};
struct Cache {
  std::string id;  ///< "" when not given: the cleaned target.
  std::string target, source, from;
  CacheSharing sharing = CacheSharing::shared;
  std::optional<std::uint32_t> mode, uid, gid;  ///< Default 0755, 0, 0.
  bool read_only = false;
};
struct Tmpfs {
  std::string target;
  std::uint64_t size_bytes = 0;  ///< 0: no limit given.
};
struct Secret {
  std::string id;                     ///< Never empty.
  std::optional<std::string> target;  ///< nullopt: no file, only the variable. Default is already filled in.
  std::string env;                    ///< Variable to set; "" for none.
  bool required = false;
  std::uint32_t mode = 0400, uid = 0, gid = 0;
};
struct Ssh {
  std::string id;      ///< "default" when not given.
  std::string target;  ///< "" when not given: /run/buildkit/ssh_agent.N
  bool required = false;
  std::uint32_t mode = 0600, uid = 0, gid = 0;
};
}  // namespace run_mount
using RunMount = std::variant<run_mount::Bind, run_mount::Cache, run_mount::Tmpfs, run_mount::Secret, run_mount::Ssh>;

/// Splits the CSV of --mount. Error(input) for broken CSV and for variables in `from`.
MountSpec parse_mount_spec(std::string_view text);

/// Expands values with `expand` and checks everything (dockerfile.md 3.2). Error(input) with BuildKit's texts.
RunMount resolve_mount(const MountSpec& spec, const std::function<std::string(const Word&)>& expand);

}  // namespace imgb
