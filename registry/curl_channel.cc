#include "registry/curl_channel.h"

#include <algorithm>

#include "core/base/error.h"

namespace imgb {
namespace {

/// In the multi handle for as long as it lives.
class Added {
 public:
  Added(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) { curl().multi_add_handle(multi, easy); }
  ~Added() { curl().multi_remove_handle(multi_, easy_); }
  Added(const Added&) = delete;

 private:
  CURLM* multi_;
  CURL* easy_;
};

}  // namespace

CurlChannel::CurlChannel() : multi_(curl().multi_init()), easy_(curl().easy_init()) {
  if (!multi_ || !easy_) throw_error(ErrorKind::system, "libcurl: out of memory");
}

CurlChannel::~CurlChannel() {
  if (easy_) curl().easy_cleanup(easy_);
  if (multi_) curl().multi_cleanup(multi_);
}

CURLcode CurlChannel::run(const std::uint64_t& bytes_moved, StallWatch stall, const std::stop_token& stop) {
  Added added(multi_, easy_);
  std::stop_callback wake(stop, [&] { curl().multi_wakeup(multi_); });
  for (int running = 1;;) {
    throw_if_stopped(stop);
    if (curl().multi_perform(multi_, &running) != CURLM_OK) {
      throw_error(ErrorKind::internal, "libcurl: the transfer cannot go on");
    }
    if (running == 0) break;
    auto before = std::chrono::steady_clock::now();
    curl().multi_poll(multi_, nullptr, 0, stall.poll_ms(), nullptr);
    stall.add(std::chrono::steady_clock::now() - before, bytes_moved);
  }
  int left = 0;
  while (CURLMsg* message = curl().multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  throw_error(ErrorKind::internal, "libcurl: a transfer ended without a result");
}

std::unique_ptr<CurlChannel> CurlChannelPool::take(const Origin& origin) {
  auto found = idle_.with([&](auto& channels) -> std::unique_ptr<CurlChannel> {
    if (channels.empty()) return nullptr;
    auto same = std::find_if(channels.begin(), channels.end(), [&](auto& c) { return c->last == origin; });
    if (same == channels.end() && channels.size() < kMaxIdle) return nullptr;
    if (same == channels.end()) same = channels.begin();
    auto taken = std::move(*same);
    channels.erase(same);
    return taken;
  });
  return found ? std::move(found) : std::make_unique<CurlChannel>();
}

void CurlChannelPool::give_back(std::unique_ptr<CurlChannel> channel) {
  idle_.with([&](auto& channels) {
    if (channels.size() < kMaxIdle) channels.push_back(std::move(channel));
  });
}

}  // namespace imgb
