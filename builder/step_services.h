#pragma once
#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/build_plan.h"
#include "builder/folder_tree.h"
#include "builder/step_cache.h"
#include "core/base/task.h"
#include "layerfs/tree_view.h"

namespace imgb {

/// What a step came to.
struct StepOutcome {
  MadeLayer made;
  bool cached = false;
  std::optional<Digest> key = {}, quick_key = {};
};

/// What a stage looks like after some of its steps: a stack of layers, perhaps not fetched yet. Immutable.
struct FileSystem {
  std::vector<Layer> layers;
  std::optional<StackKey> stack;          ///< nullopt: empty.
  std::shared_ptr<const BaseImage> base;  ///< The image at the bottom; null for none.
  BaseImageSource* base_source = nullptr;

  std::vector<Nanoseconds> made_at;  ///< When the layers above the base's were made.

  FileSystem with(const MadeLayer& top) const;
  std::string stack_text() const { return stack ? stack->digest.str() : "empty"; }
};

/// A folder context, opened once per build, with its stat cache, which `save` writes back.
class OpenContext {
 public:
  OpenContext(const FolderContext& folder, Store& store);
  FolderTree tree() { return FolderTree(folder_.dir, known_); }
  void save(Store& store);

 private:
  const FolderContext& folder_;
  StatCache known_;
};

/// What the steps of one build share. Threads: all functions may be called at once.
class StepServices {
 public:
  StepServices(const BuildRequest& request, const BuildPlan& plan, const BuildTools& tools, SharedSource source);

  const BuildRequest& request;
  const BuildPlan& plan;
  const BuildTools& tools;
  const SharedSource source;  ///< The Dockerfile.
  StepCache cache;

  /// The time for what a step makes anew: SOURCE_DATE_EPOCH or the clock.
  FileTime new_file_time() const;
  LayerOptions layer_options() const;

  /// Fetches what is not here yet of the layers; the base image's once per need.
  void fetch(const FileSystem& files, LayerNeed need, Activity& activity, const std::stop_token& stop);
  TreeView view(const FileSystem& files, Activity& activity, const std::stop_token& stop);
  /// Folder names of the unpacked stack.
  std::vector<std::string> unpack(const FileSystem& files, Activity& activity, const std::stop_token& stop);
  /// The root file system of one step.
  SnapshotStore::Root make_root(const FileSystem& files, Activity& activity, const std::stop_token& stop);
  /// A regular file's text, symlinks resolved inside; nullopt when there is none or it is no regular file. Error(input)
  /// when it is longer than 4 MiB (V24).
  std::optional<std::string> find_text(const FileSystem& files, const RootedPath& path, Activity& activity,
                                       const std::stop_token& stop);

  /// The context of a ContextInput; null when it is no folder.
  OpenContext* find_folder(const ContextInput& input);
  /// What an input shows that is no stage: an image, an archive, nothing.
  const FileSystem& outside_files(InputId input) const { return outside_.at(input); }
  /// The ignore file of a context, and its rules; null when there are none.
  const std::string* find_ignore_text(const ContextInput& input) const;
  const IgnoreMatcher* find_ignore(const ContextInput& input);
  void save_contexts();
  /// Remembers what ADD took, for the lock file.
  void note_url(BuildLock::Url url);
  std::vector<BuildLock::Url> used_urls() const;
  /// Another machine may have made what is not here.
  bool imports_cache() const;

  /// Runs `make` unless the same key is being made or was made in this build: then waits for that result.
  StepOutcome once(const Digest& key, const std::function<MadeLayer()>& make);
  /// Also when another process makes it: then takes what that one put into the cache, or makes it after all when it
  /// failed or died.
  StepOutcome once_in_store(const Digest& key, const std::function<MadeLayer()>& make, Activity& activity,
                            const std::stop_token& stop);
  /// Lets the caller of the build look into the world of a failed RUN; for the first failure only.
  void report_failure(const StepSpec& spec, const Error& failure);

 private:
  FileSystem open_outside(InputId input) const;
  void fetch_base(const FileSystem& files, LayerNeed need, Activity& activity, const std::stop_token& stop);
  /// Layers of an imported cache turn out to be right, or wrong, when they are unpacked.
  template <class Unpack>
  auto checking(const FileSystem& files, Unpack unpack);
  std::shared_ptr<const Toc> toc(const Layer& layer, const std::stop_token& stop);

  std::vector<FileSystem> outside_;  ///< By InputId.
  Guarded<std::map<std::string, std::shared_ptr<OpenContext>>> contexts_;
  Guarded<std::map<std::string, std::shared_ptr<const IgnoreMatcher>>> ignores_;
  Guarded<std::map<Digest, std::shared_future<MadeLayer>>> flights_;
  std::atomic_flag failure_reported_;
  Guarded<std::vector<BuildLock::Url>> used_urls_;
  Guarded<std::map<LayerKey, std::shared_ptr<const Toc>>> tocs_;
  Guarded<std::set<std::pair<std::string, LayerNeed>>> fetched_;
};

}  // namespace imgb
