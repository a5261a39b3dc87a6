#include "registry/curl_failure.h"

#include <algorithm>

#include "core/base/text.h"

namespace imgb {
namespace {

TransportFailure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return TransportFailure::resolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PROXY:
      return TransportFailure::connect;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
      return TransportFailure::tls;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
      return TransportFailure::malformed;
    default:
      return TransportFailure::cut;
  }
}

/// A handshake that failed: because the other side speaks no TLS at all, because it hung up without a word (as a
/// server or a balancer in trouble does: that says nothing about its certificate), or else for TLS's own reasons.
TransportFailure failed_handshake(std::string_view text) {
  auto has = [&](std::initializer_list<std::string_view> signs) {
    return std::any_of(signs.begin(), signs.end(),
                       [&](std::string_view sign) { return text.find(sign) != std::string_view::npos; });
  };
  if (has({"wrong version number", "packet length too long", "http request", "record overflow"})) {
    return TransportFailure::no_tls;
  }
  bool hung_up = has({"SSL_ERROR_SYSCALL", "Connection reset", "Broken pipe", "unexpected eof"});
  return hung_up ? TransportFailure::cut : TransportFailure::tls;
}

ErrorKind kind_of(TransportFailure failure) {
  switch (failure) {
    case TransportFailure::tls:
    case TransportFailure::no_tls:
    case TransportFailure::refused_address:
      return ErrorKind::denied;
    default:
      return ErrorKind::unavailable;
  }
}

}  // namespace

void throw_curl_failure(CURLcode code, const CurlTransfer& transfer, const HttpRequest& request) {
  const std::string& host = request.url.origin.host;
  std::string text(transfer.error_text().empty() ? curl().easy_strerror(code) : transfer.error_text());
  TransportFailure failure = code == CURLE_SSL_CONNECT_ERROR ? failed_handshake(text) : failure_of(code);
  if (transfer.refused()) {
    failure = TransportFailure::refused_address;
    text = fmt::format("{} leads to a {} address, where a server may not send us", host, name_of(*transfer.refused()));
  }
  TransportError error(failure, kind_of(failure), printable(text, 512));
  if (failure == TransportFailure::resolve) {
    error.set_hint(fmt::format(
        "{} has no address here: is this machine online? --pull=never builds from local images, and a mirror can be "
        "named in registries.conf",
        host));
  } else if (failure == TransportFailure::connect) {
    error.set_hint(fmt::format("nobody answers at {}: is this machine online, and does it need a proxy (HTTPS_PROXY)?",
                               request.url.origin.authority()));
  } else if (failure == TransportFailure::tls) {
    error.set_hint(fmt::format("a private authority's certificate goes to /etc/containers/certs.d/{}/ca.crt",
                               request.url.origin.authority()));
  } else if (failure == TransportFailure::no_tls) {
    error.set_hint(fmt::format("plain HTTP is used only where registries.conf says insecure = true for {}",
                               request.url.origin.authority()));
  }
  throw error;
}

}  // namespace imgb
