#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "builder/build_context.h"
#include "builder/copy_plan.h"
#include "builder/instructions.h"
#include "builder/sources.h"
#include "core/oci/image_config.h"
#include "core/oci/platform.h"
#include "sandbox/step.h"

namespace imgb {

/// What a build will do, as plain data: the stages that the target needs, each with its base, its steps (everything
/// expanded) and the config it ends with. Made by `lower_stages`, carried out by `build`.

/// Where a file system comes from: an index into BuildPlan::inputs.
using InputId = std::size_t;

struct StageInput {
  std::size_t stage;  ///< Index in the Dockerfile.
  friend bool operator==(const StageInput&, const StageInput&) = default;
};
struct ImageInput {
  Reference name;
  Platform platform;
  BaseImageSource* source;  ///< Borrowed.
  friend bool operator==(const ImageInput&, const ImageInput&) = default;
};
struct ContextInput {
  std::string name;  ///< Of a named context; "" is the build context.
  friend bool operator==(const ContextInput&, const ContextInput&) = default;
};
struct ScratchInput {
  friend bool operator==(const ScratchInput&, const ScratchInput&) = default;
};
using Input = std::variant<ScratchInput, StageInput, ImageInput, ContextInput>;

/// A file that a RUN's heredoc becomes: "#!" scripts (dockerfile.md 1.5).
struct RunScript {
  std::string name, content;
};
struct PlannedMount {
  RunMount mount;
  RootedPath target;             ///< Absolute; the root when there is no file to mount (secrets as variables).
  std::optional<InputId> input;  ///< bind, cache with from
};
struct RunStep {
  std::vector<std::string> argv;
  std::optional<RunScript> script;
  std::vector<std::string> env;      ///< ENV and ARG values in effect, "K=V".
  std::vector<std::string> proxies;  ///< "K=V"; never part of the key.
  RootedPath cwd;
  std::string user;  ///< As USER has it.
  std::vector<PlannedMount> mounts;
  NetworkMode network = NetworkMode::isolated;
  Security security = Security::standard;
  std::string hostname;
};

struct CopyHeredoc {
  std::string name, content;  ///< Expanded.
};
struct CopyStep {
  bool add = false;
  InputId from = 0;
  std::vector<std::string> sources;  ///< Expanded; ADD: may be URLs.
  std::vector<CopyHeredoc> heredocs;
  CopyDestination to;
  std::string chown, chmod;  ///< "" when not given.
  bool link = false, parents = false;
  std::vector<std::string> exclude;
  std::string checksum;
  std::optional<bool> unpack;
};
struct WorkdirStep {
  RootedPath path;
  std::string user;
};
using StepAction = std::variant<RunStep, CopyStep, WorkdirStep>;

struct BuildStep {
  StepAction action;
  LineRange lines;    ///< {0, 0} for a trigger of a base image.
  std::string label;  ///< "[builder 2/5] RUN make"
  std::string place;  ///< Where --explain remembers it: stage and number.
  bool no_cache = false;
  bool unpacks = false;  ///< COPY, ADD, WORKDIR: what they make is needed as a root file system (builder/root_needs.h).
};

struct StagePlan {
  std::size_t index = 0;
  std::string name;  ///< As people are shown it: "builder", "stage-1".
  LineRange lines;
  InputId base = 0;
  ImageConfig config;  ///< As it ends; diff_ids are the base image's alone.
  std::vector<BuildStep> steps;
};

struct BuildPlan {
  std::vector<Input> inputs;
  std::map<std::size_t, BaseImage> images;  ///< By InputId.
  std::map<std::size_t, StagePlan> stages;  ///< Those that are needed, by index in the Dockerfile.
  std::size_t target = 0;
  std::optional<std::int64_t> source_date_epoch;  ///< Seconds.
  std::vector<std::string> warnings;
};

/// The inputs a step reads besides the stage's own file system.
std::vector<InputId> inputs_of(const BuildStep& step);

}  // namespace imgb
