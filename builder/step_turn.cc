#include "builder/step_turn.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "core/store/layout.h"
#include "core/store/lock_wait.h"

namespace imgb {
StepTurn::StepTurn(Store& store, const Digest& key, Activity& activity, const std::stop_token& stop)
    : folder_(store.folder(layout::kIngest)), name_("step-" + key.hex()) {
  for (bool told = false;;) {
    file_ = folder_.open_file(name_, O_RDWR | O_CREAT, 0600);
    auto try_take = [&] {
      bool taken = try_lock(file_);
      if (!taken && !std::exchange(told, true)) activity.note("waiting for another build, which runs this step");
      return taken;
    };
    wait_until(try_take, stop);
    // Its holder may have ended, and removed it, while we waited.
    if (folder_.leads_to(name_, file_)) return;
  }
}

StepTurn::~StepTurn() { ::unlinkat(folder_.fd().get(), name_.c_str(), 0); }

}  // namespace imgb
