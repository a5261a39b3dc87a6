#include "registry/curl_transport.h"

#include "core/base/task.h"
#include "registry/certificates.h"
#include "registry/curl_channel.h"
#include "registry/curl_failure.h"
#include "registry/curl_options.h"
#include "registry/curl_transfer.h"
#include "registry/without_sigpipe.h"

namespace imgb {

CurlTransport::CurlTransport(TransportOptions options)
    : options_(std::move(options)), pool_(std::make_unique<CurlChannelPool>()) {}
CurlTransport::~CurlTransport() = default;

ResponseHead CurlTransport::perform(const HttpRequest& request, const OnHead& on_head, std::stop_token stop) {
  throw_if_stopped(stop);
  WithoutSigpipe without_sigpipe;
  std::call_once(trust_once_, [&] {
    trust_folder_is_hashed_ =
        holds_hashed_certificates(options_.ca_folder.empty() ? kCertificateFolder : options_.ca_folder);
  });
  auto channel = pool_->take(request.url.origin);
  curl().easy_reset(channel->easy());
  auto proxy = find_proxy(options_.proxies, request.url.origin);
  CurlTransfer transfer(request, on_head, channel->easy(), proxy.has_value());
  CurlHeaderList lines;
  set_transport_options(channel->easy(), options_, proxy);
  set_trust_options(channel->easy(), request.tls, options_, trust_folder_is_hashed_);
  set_request_options(channel->easy(), request, lines);
  transfer.set_callbacks();
  channel->last = request.url.origin;
  // A channel whose transfer throws is dropped with its connection: nothing half read is used again.
  CURLcode code = channel->run(transfer.bytes_moved(), StallWatch(options_.stall_timeout, options_.stall_bytes), stop);
  if (transfer.failure()) std::rethrow_exception(transfer.failure());
  if (code != CURLE_OK) throw_curl_failure(code, transfer, request);
  if (!transfer.got_head()) {
    throw TransportError(TransportFailure::malformed, ErrorKind::unavailable, "the answer has no header");
  }
  ResponseHead head = transfer.head();
  head.peer = transfer.peer();
  curl().easy_reset(channel->easy());  // no pointer into this frame stays
  pool_->give_back(std::move(channel));
  return head;
}

}  // namespace imgb
