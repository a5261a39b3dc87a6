#pragma once
#include <memory>
#include <stop_token>
#include <vector>

#include "core/base/task.h"
#include "registry/curl_library.h"
#include "registry/stall_watch.h"
#include "registry/url.h"

namespace imgb {

/// One connection cache with the handle that uses it: one transfer at a time.
class CurlChannel {
 public:
  CurlChannel();
  ~CurlChannel();
  CurlChannel(const CurlChannel&) = delete;
  CURL* easy() const { return easy_; }
  /// Carries out what the handle is set up for; `bytes_in` counts what arrived. Throws what `stall` does, and
  /// Error(cancelled) on stop; afterwards the channel is good for nothing.
  CURLcode run(const std::uint64_t& bytes_in, StallWatch stall, const std::stop_token& stop);
  Origin last;  ///< Whom it has a connection to.

 private:
  CURLM* multi_;
  CURL* easy_;
};

/// Idle channels. One that has a connection to the wanted server is taken before others.
/// Threads: all functions may be called at once.
class CurlChannelPool {
 public:
  std::unique_ptr<CurlChannel> take(const Origin& origin);
  void give_back(std::unique_ptr<CurlChannel> channel);

 private:
  static constexpr std::size_t kMaxIdle = 16;
  Guarded<std::vector<std::unique_ptr<CurlChannel>>> idle_;
};

}  // namespace imgb
