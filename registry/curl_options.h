#pragma once
#include <optional>
#include <string>

#include "registry/curl_library.h"
#include "registry/curl_transport.h"
#include "registry/http.h"

namespace imgb {

inline constexpr const char* kCertificateFolder = "/etc/ssl/certs";

/// Header lines as libcurl takes them; they must live as long as the transfer.
class CurlHeaderList {
 public:
  CurlHeaderList() = default;
  CurlHeaderList(const CurlHeaderList&) = delete;
  ~CurlHeaderList() { curl().slist_free_all(list_); }
  void add(const std::string& line);
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

/// What holds for all requests.
void set_transport_options(CURL* easy, const TransportOptions& options, const std::optional<std::string>& proxy);
/// `folder_is_hashed`: see certificates.h.
void set_trust_options(CURL* easy, const TlsOptions& tls, const TransportOptions& options, bool folder_is_hashed);
/// Error(input) when a header holds a line break.
void set_request_options(CURL* easy, const HttpRequest& request, CurlHeaderList& lines);

}  // namespace imgb
