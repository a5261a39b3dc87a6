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
  StepRecord(const BuildStep& step, StepServices& services, Activity& activity)
      : step_(step), services_(services), activity_(activity) {}
  /// The result that the cache has for the key; says why there is none when the build explains.
  std::optional<MadeLayer> find(const Ingredients& key);
  void put(const Ingredients& key, const MadeLayer& layer);

 private:
  const BuildStep& step_;
  StepServices& services_;
  Activity& activity_;
};

}  // namespace imgb
