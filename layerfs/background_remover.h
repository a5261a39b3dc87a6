#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/dir.h"

namespace imgb {

/// Removes folders that nobody uses any more while others go on: on some disks each freed block is a wait of its own
/// (discard). Destroyed: all of it is gone; after `hurry`, as much as goes in a second, the rest is left unlocked for
/// the next sweep. Threads: all functions may be called at once.
class BackgroundRemover {
 public:
  BackgroundRemover() = default;
  BackgroundRemover(const BackgroundRemover&) = delete;
  ~BackgroundRemover();

  /// `parent`/`name`, with all that is in it. `lock`: open for as long as it is there. What cannot be removed is left
  /// unlocked, for the next sweep.
  void remove(Dir parent, std::string name, Dir lock);
  void hurry();  ///< Somebody is about to wait for the end who has asked for it (Ctrl-C).

 private:
  struct Doomed {
    Dir parent;
    std::string name;
    Dir lock;
  };
  void work(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Doomed> doomed_;
  bool busy_ = false, hurry_ = false;
  std::stop_source give_up_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace imgb
