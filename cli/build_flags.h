#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/build.h"
#include "builder/output_spec.h"

namespace imgb {

class Flags;

/// The flags of `imgb build`, as typed.
struct BuildFlags {
  void describe(Flags& flags);

  std::string context;
  std::optional<std::string> file, target, iid_file, metadata_file, platform, cpus, lock;
  std::vector<std::string> tags, build_args, build_contexts, labels, annotations, no_cache_filters, secrets, ssh,
      add_hosts, ulimits, outputs, allow, cache_from, cache_to;
  std::string pull = "false", network, security, isolation, on_error, provenance = "false", sbom = "false";
  std::optional<std::uint64_t> memory, shm_size, jobs;
  bool no_cache = false, quiet = false, explain = false, load = false, push = false, remove = false, locked = false,
       offline = false;
};

/// Where one --secret comes from.
struct SecretFlag {
  enum class From { file, variable };
  std::string id;
  From from = From::file;
  std::string source;
};
/// "id=x", "id=x,src=file", "id=x,env=VAR", with type=file|env. A bare id is the variable of that name if there is one.
SecretFlag parse_secret_flag(std::string_view text, const std::vector<std::string>& environment);

struct SshFlag {
  std::string id;
  std::vector<std::string> paths;  ///< One agent's socket, or files of keys; none: SSH_AUTH_SOCK.
};
SshFlag parse_ssh_flag(std::string_view text);  ///< "default", "id=socket", "id=key,key"

/// "k=v", "manifest:k=v" and "manifest[linux/amd64]:k=v" set k; what is for an index is Error(usage): there is none.
std::pair<std::string, std::string> parse_annotation_flag(std::string_view text);

/// Where the result goes: -o, --push, --load and -t together. Without any, into the store. Errors: usage, input.
std::vector<OutputSpec> make_outputs(const BuildFlags& flags);

/// --lock's file, or the one beside the Dockerfile. Error(usage) when there is none beside it: it comes from elsewhere.
std::string lock_file_of(const BuildFlags& flags);

/// What can be said without opening a file: everything of the request but Dockerfile, contexts, secrets and agents.
/// `environment`: "K=V" each. Errors: usage, input.
BuildRequest make_build_request(const BuildFlags& flags, const std::vector<std::string>& environment);

}  // namespace imgb
