#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/cache_remote.h"
#include "core/base/task.h"
#include "layerfs/tree_view.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

namespace imgb {

/// Base images made up by a test.
class FakeImages : public BaseImageSource {
 public:
  void add(std::string_view name, BaseImage image);
  BaseImage resolve(const Reference& name, const Platform& platform, PullPolicy policy, Activity& activity,
                    std::stop_token stop) override;
  void fetch(const BaseImage& image, LayerNeed need, Activity& activity, std::stop_token stop) override;

  Guarded<std::vector<std::string>> resolved;
  Guarded<std::vector<LayerNeed>> fetched;

 private:
  std::map<std::string, BaseImage> images_;
};

/// Runs no process: calls what the test says, which may write into the step's upper folder.
class FakeRunner : public StepRunner {
 public:
  StepResult run(const StepSpec& spec, Sink& output, std::stop_token stop) override;
  /// Default: succeeds without doing anything.
  std::function<int(const StepSpec&, const Dir& upper, Sink& output)> command;
  Guarded<std::vector<StepSpec>> specs;
};

class FakeFiles : public RemoteFileSource {
 public:
  File fetch(const std::string& url, const std::optional<Validators>& known, const std::vector<std::string>& headers,
             Sink& into, Activity& activity, std::stop_token stop) override;
  struct Served {
    std::string content, etag;
    std::optional<std::int64_t> mtime_seconds;
  };
  std::map<std::string, Served> files;
  int downloads = 0;
};

/// Remembers what it heard.
class RecordingProgress : public Progress {
 public:
  void emit(int activity, Event event) noexcept override;
  int next_activity() noexcept override;
  std::vector<std::string> notes() const;
  std::vector<std::string> warnings() const;
  /// Labels of activities that ended so.
  std::vector<std::string> ended(event::Outcome outcome) const;

 private:
  struct State {
    int last = 0;
    std::map<int, std::string> labels;
    std::vector<std::string> notes, warnings;
    std::vector<std::pair<event::Outcome, std::string>> ended;
  };
  Guarded<State> state_;
};

/// One store, one context folder, and builds of Dockerfiles in it.
class TestBuild {
 public:
  TestBuild();

  void write(std::string_view path, std::string_view content, std::uint32_t mode = 0644);
  Dir context() const { return Dir::open_host(context_.path()); }
  /// A request for that Dockerfile in the folder; change it as you like.
  BuildRequest request(std::string dockerfile) const;
  BuildResult run(const BuildRequest& request);
  BuildResult build(std::string dockerfile) { return run(request(std::move(dockerfile))); }
  /// The tree that an image shows.
  TreeView tree(const BuildResult& result);
  std::string read(const BuildResult& result, std::string_view path);
  BaseImage make_base(const TreeBuilder& tree, ImageConfig config = {});

  TempDir root, context_;
  Store store;
  SnapshotStore snapshots;
  FakeImages images;
  FakeRunner runner;
  FakeFiles files;
  CacheRemote* cache_from = nullptr;  ///< Of the builds that follow.
  std::unique_ptr<RecordingProgress> progress;  ///< Of the last run.
  Nanoseconds now = 1'700'000'000'000'000'000;
};

}  // namespace imgb
