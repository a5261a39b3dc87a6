#include "builder/step_turn.h"

#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/base/task.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

/// flock(2) cannot be woken by a stop token, so that a lock that is held is asked for again from time to time.
void wait_a_moment(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kMoment{20};
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock hold(mutex);
  never.wait_for(hold, stop, kMoment, [] { return false; });
  throw_if_stopped(stop);
}

bool is_named(const Dir& folder, std::string_view name, const Fd& file) {
  auto there = folder.find_stat(name);
  return there && there->inode == stat_of(file, name).inode;
}

}  // namespace

StepTurn::StepTurn(Store& store, const Digest& key, Activity& activity, const std::stop_token& stop)
    : folder_(store.folder(layout::kIngest)), name_("step-" + key.hex()) {
  for (bool told = false;;) {
    file_ = folder_.open_file(name_, O_RDWR | O_CREAT, 0600);
    while (!try_lock(file_)) {
      if (!std::exchange(told, true)) activity.note("waiting for another build, which runs this step");
      wait_a_moment(stop);
    }
    // Its holder may have ended, and removed it, while we waited.
    if (is_named(folder_, name_, file_)) return;
  }
}

StepTurn::~StepTurn() { ::unlinkat(folder_.fd().get(), name_.c_str(), 0); }

}  // namespace imgb
