#pragma once
#include <chrono>
#include <memory>
#include <mutex>

#include "registry/http.h"
#include "registry/proxy.h"

namespace imgb {

class CurlChannelPool;

struct TransportOptions {
  std::chrono::milliseconds connect_timeout{30'000};
  /// Fewer than `stall_bytes` moved while we waited this long for the other side: stalled. Time that a slow sink takes
  /// does not count.
  std::chrono::milliseconds stall_timeout{30'000};
  std::uint64_t stall_bytes = 30ull * 1024;
  ProxySettings proxies;
  std::string ca_file, ca_folder;  ///< Instead of the system's certificates; SSL_CERT_FILE, SSL_CERT_DIR.
  std::string user_agent = "imgb/" IMGB_VERSION;
};

/// HTTP over libcurl: HTTP/2 where TLS offers it, connections kept and used again, TLS 1.2 or later, IPv6 and IPv4
/// tried side by side. The library is opened at the first request; without it Error(unsupported) names the package.
/// Each call runs on its caller's thread; sinks are called there.
class CurlTransport : public HttpTransport {
 public:
  explicit CurlTransport(TransportOptions options);
  ~CurlTransport() override;
  ResponseHead perform(const HttpRequest& request, const OnHead& on_head, std::stop_token stop) override;

 private:
  TransportOptions options_;
  std::once_flag trust_once_;
  bool trust_folder_is_hashed_ = false;
  std::unique_ptr<CurlChannelPool> pool_;
};

}  // namespace imgb
