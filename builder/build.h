#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "builder/build_context.h"
#include "builder/build_lock.h"
#include "builder/sources.h"
#include "builder/step_runner.h"
#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/base/time.h"
#include "core/oci/image_config.h"
#include "core/oci/platform.h"
#include "core/store/store.h"
#include "layerfs/layer_writer.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// Everything a build depends on, as data: what `imgb build`'s flags, files and environment say (dockerfile.md 6).
struct BuildRequest {
  std::string dockerfile_name = "Dockerfile";  ///< As people are shown it.
  std::string dockerfile_text;
  BuildContext context;
  std::map<std::string, NamedContext> named_contexts;  ///< By name as given.

  std::string target;                              ///< Stage name; "": the last stage.
  std::map<std::string, std::string> build_args;   ///< Values found; SOURCE_DATE_EPOCH and proxies among them.
  std::map<std::string, std::string> labels;       ///< --label, applied to the result last.
  std::map<std::string, std::string> annotations;  ///< Of the manifest.
  std::optional<Platform> platform;                ///< --platform; unset: the host's, implicitly.
  PullPolicy pull = PullPolicy::missing;
  bool no_cache = false;
  std::set<std::string> no_cache_stages;  ///< --no-cache-filter

  NetworkMode network = NetworkMode::isolated;
  Security security = Security::standard;
  bool allow_host_network = false;                               ///< RUN --network=host is allowed.
  bool allow_insecure = false;                                   ///< RUN --security=insecure is allowed.
  std::vector<std::pair<std::string, std::string>> extra_hosts;  ///< --add-host: name, address
  Limits limits;                                                 ///< --memory, --cpus, --shm-size, --ulimit
  std::map<std::string, std::string> secrets;                    ///< id -> content
  std::map<std::string, Fd> ssh_agents;                          ///< id -> O_PATH of the agent's socket

  LayerOptions layers;  ///< How new layers are compressed. max_mtime is set from SOURCE_DATE_EPOCH.
  IngestLimits limits_of_ingest;
  unsigned jobs = 0;     ///< Steps at once; 0: max(4, processors).
  Nanoseconds now = 0;   ///< The clock, asked once by the caller.
  bool explain = false;  ///< Say by notes why each step ran.
  /// --locked: what comes from outside is this and nothing else. `lock_name` is the file's, for messages.
  std::optional<BuildLock> lock;
  std::string lock_name = "imgb.lock";
  bool offline =
      false;  ///< Nobody is asked for images and URLs: what is needed is here, or the build says what is not.
  bool inline_cache = false;  ///< The image's config says what its layers were made by (docs/cache.md).
  /// False: layers of the result that nobody had to read, the base's and those of an imported cache, may stay where
  /// they are. Then they are not in the store.
  bool fetch_result = true;
  /// Called when a RUN failed, in the failed step's world as it is (the upper folder with what the command left),
  /// before the world is dropped: --on-error=shell. May run another process there. At most once per build.
  std::function<void(const StepSpec&, const Error&)> on_run_failure;
};

class CacheImport;

/// The parts of the program that a build works with. Borrowed.
struct BuildTools {
  Store& store;
  SnapshotStore& snapshots;
  StepRunner& runner;
  BaseImageSource& images;
  RemoteFileSource& files;
  Progress& progress;
  CacheImport* cache_import = nullptr;  ///< Caches elsewhere; not loaded yet. May be null.
};

/// A step of a build, as a build cache knows it.
struct BuiltStep {
  Digest key;
  std::optional<Digest> quick_key;  ///< See StepCache::find_quick.
  Layer layer;
  Nanoseconds made_at = 0;
  bool in_result = false;  ///< Its layer is one of the result's.
};

/// A cache mount that a step of a build has, whether it ran or not.
struct BuiltMount {
  std::string id;
  std::optional<std::string> folder;  ///< Below cache-mounts/; nullopt: it depends on what `from` shows.
};

struct BuildResult {
  Descriptor manifest;  ///< OCI, in the store with all its blobs; it has no name yet (ImageIndex::set or keep).
  Digest config_digest;
  ImageConfig config;
  std::vector<Layer> layers;    ///< Bottom first.
  std::size_t base_layers = 0;  ///< How many of them came with the base image.
  struct Base {
    Reference name;  ///< As it was asked for.
    std::shared_ptr<const BaseImage> image;
    BaseImageSource* source;  ///< Borrowed.
  };
  std::optional<Base> base;
  std::vector<BuiltStep> steps;  ///< All that were carried out or found, of all stages that were needed.
  std::vector<BuiltMount> cache_mounts;
  BuildLock used;                                 ///< What came from outside.
  std::optional<std::int64_t> source_date_epoch;  ///< Seconds.
  std::vector<std::string> warnings;              ///< Also emitted as they came up.
  unsigned steps_cached = 0, steps_run = 0;
};

/// Builds the target stage and what it needs; unneeded stages are not touched. Steps run as soon as their inputs are
/// ready, at most `jobs` at once; the first failure stops the others.
/// Errors: DockerfileError with the lines (syntax, unknown names, a RUN that failed); whatever tools throw, with the
/// step as a frame; Error(cancelled).
BuildResult build(const BuildRequest& request, const BuildTools& tools, std::stop_token stop);

}  // namespace imgb
