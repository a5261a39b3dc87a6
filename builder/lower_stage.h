#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/build_plan.h"
#include "builder/environment.h"
#include "builder/instructions.h"

namespace imgb {

/// What a stage starts from.
struct StageStart {
  ImageConfig config;       ///< Of the base; history and diff_ids included. OnBuild still in it.
  Environment environment;  ///< Variables that the parent stage left (its ARGs too); empty for an image.
  std::vector<std::pair<std::string, std::string>> args;  ///< ARGs that the parent stage declared, for history.
};

/// What lowering needs to know of the build.
struct LowerOptions {
  const std::map<std::string, std::string>* build_args = nullptr;
  Environment global;  ///< global_scope
  char escape = '\\';
  SharedSource source;
  NetworkMode network = NetworkMode::isolated;
  Security security = Security::standard;
  bool allow_host_network = false, allow_insecure = false;
  std::optional<Nanoseconds> created;  ///< For history, when the build says so (SOURCE_DATE_EPOCH).
  std::string cache_namespace;         ///< BUILDKIT_CACHE_MOUNT_NS
  /// Says what `--from=name` means here; `index_counts` for COPY. Throws Error(input).
  std::function<InputId(std::string_view from, bool index_counts)> input_of;
};

struct LoweredStage {
  ImageConfig config;
  Environment environment;
  std::vector<std::pair<std::string, std::string>> args;
  std::vector<BuildStep> steps;  ///< Labels and places are not set yet; `label` holds the instruction's text.
  std::vector<std::string> warnings;
  std::vector<std::string> declared_args;  ///< By triggers.
};

/// Applies a stage's instructions, the base's triggers first: expands everything, updates the config and its history,
/// and lists the steps (dockerfile.md 3). Pure. Errors: DockerfileError.
LoweredStage lower_stage(StageStart start, const Stage& stage, const LowerOptions& options);

/// The config a stage FROM scratch starts with.
ImageConfig scratch_config(const Platform& platform);

}  // namespace imgb
