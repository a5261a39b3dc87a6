#pragma once
#include <mutex>
#include <stop_token>

#include "cli/env.h"
#include "registry/server/service.h"

namespace imgb {

/// What the page for people shows of a layer: its files. The table of contents is made from the blob in a confined
/// child, since layers are hostile, one at a time, and kept in this user's store, which is made when it is not there.
/// Threads: may be called by several at once.
class ServedFiles {
 public:
  explicit ServedFiles(CliEnv& env) : env_(env) {}  ///< Borrows it.
  /// {"files": [{"path", "mode", "type", "size", "target"}]}, at most kMaxShown of them. Errors: as scan_layer.
  std::string list(const Layer& layer, const server::BlobFile& blob);
  void stop() { stop_.request_stop(); }  ///< Ends what runs.

  static constexpr std::size_t kMaxShown = 100'000;

 private:
  CliEnv& env_;
  std::mutex one_at_a_time_;
  std::stop_source stop_;
};

}  // namespace imgb
