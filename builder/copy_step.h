#pragma once
#include <stop_token>

#include "builder/step_services.h"

namespace imgb {

/// Carries out one COPY or ADD on top of `below`, or finds its result (dockerfile.md 3.3 and 5). `from`: what its
/// --from shows; ignored for a folder context. Of `below` only tables of contents are read, and with --link not even
/// those. What is made is unpacked, in the pass that makes it, only when the plan says so (BuildStep::unpacks).
StepOutcome run_copy(const BuildStep& step, const FileSystem& below, const FileSystem& from, StepServices& services,
                     Activity& activity, std::stop_token stop);

/// The same for WORKDIR: the folder as a layer of its own, empty when the folder is there already.
StepOutcome run_workdir(const BuildStep& step, const FileSystem& below, StepServices& services, Activity& activity,
                        std::stop_token stop);

/// Key and record of a step: what run_* share.
class StepRecord {
 public:
  /// `upon`: what a layer of this step is made upon.
  StepRecord(const BuildStep& step, MadeUpon upon, StepServices& services, Activity& activity)
      : step_(step), upon_(upon), services_(services), activity_(activity) {}
  /// The result that this store, or an imported cache, has for the key; says why there is none when the build explains.
  std::optional<StepOutcome> find(const Ingredients& key, const std::optional<Digest>& quick_key = {});
  std::optional<StepOutcome> find_quick(const Digest& quick_key);
  void put(const Ingredients& key, const std::optional<Digest>& quick_key, const MadeLayer& layer);

 private:
  void explain_miss(const Ingredients& key);

  const BuildStep& step_;
  MadeUpon upon_;
  StepServices& services_;
  Activity& activity_;
};

}  // namespace imgb
