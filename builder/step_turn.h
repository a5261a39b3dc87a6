#pragma once
#include <stop_token>

#include "core/base/digest.h"
#include "core/base/fd.h"
#include "core/base/progress.h"
#include "core/store/store.h"

namespace imgb {

/// The right to run one step: two processes that want the same one take turns, so that the second finds the first's
/// result. A file in ingest/ named by the step's key, flocked; gone with its holder, dead or alive.
class StepTurn {
 public:
  /// Waits, with a note of the activity. Error(cancelled) when `stop` comes.
  StepTurn(Store& store, const Digest& key, Activity& activity, const std::stop_token& stop);
  StepTurn(const StepTurn&) = delete;
  ~StepTurn();

 private:
  Dir folder_;
  std::string name_;
  Fd file_;
};

}  // namespace imgb
