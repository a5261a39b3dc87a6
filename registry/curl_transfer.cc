#include "registry/curl_transfer.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>

namespace imgb {
namespace {

std::optional<AddressClass> find_socket_class(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return classify_address({reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4});
  }
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return classify_address({reinterpret_cast<const std::uint8_t*>(&v6.sin6_addr), 16});
  }
  return std::nullopt;
}

}  // namespace

template <class Use>
std::size_t CurlTransfer::guarded(std::size_t size, Use use) noexcept {
  try {
    bytes_moved_ += size;
    use(*this);
    return size;
  } catch (...) {
    failure_ = std::current_exception();
    return size == 0 ? 1 : 0;  // anything but `size` makes libcurl stop
  }
}

std::size_t CurlTransfer::on_header(char* data, std::size_t, std::size_t size, void* self) {
  return static_cast<CurlTransfer*>(self)->guarded(size, [&](CurlTransfer& t) { t.take_header({data, size}); });
}

std::size_t CurlTransfer::on_body(char* data, std::size_t, std::size_t size, void* self) {
  return static_cast<CurlTransfer*>(self)->guarded(size, [&](CurlTransfer& t) { t.take_body({data, size}); });
}

std::size_t CurlTransfer::on_upload(char* into, std::size_t, std::size_t size, void* self) {
  auto& t = *static_cast<CurlTransfer*>(self);
  try {
    return t.give_upload({reinterpret_cast<std::byte*>(into), size});
  } catch (...) {
    t.failure_ = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

/// A kept connection broke, and libcurl would send the same again: but nobody knows what the server took. Whoever sends
/// asks it first.
int CurlTransfer::on_seek(void* self, curl_off_t offset, int) {
  return offset == 0 && static_cast<CurlTransfer*>(self)->uploaded_ == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/// Before a connection is made: the address is looked at, not the name.
curl_socket_t CurlTransfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& t = *static_cast<CurlTransfer*>(self);
  if (!t.may_use(find_socket_class(address->addr))) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/// Before a request is sent, also on a connection that was kept from an earlier one.
int CurlTransfer::on_before_request(void* self, char* peer, char*, int, int) {
  auto& t = *static_cast<CurlTransfer*>(self);
  return t.may_use(find_address_class(peer ? peer : "")) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

void CurlTransfer::take_header(std::string_view line) {
  if (!parser_.add_line(line)) return;
  ResponseHead head = parser_.head();
  char* peer = nullptr;
  curl().easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &peer);
  if (!proxied_ && peer) head.peer = find_address_class(peer);
  peer_ = head.peer;
  got_head_ = true;
  sink_ = on_head_(head);
}

void CurlTransfer::take_body(std::string_view data) {
  if (sink_) sink_->write(as_bytes(data));
}

std::size_t CurlTransfer::give_upload(std::span<std::byte> into) {
  std::uint64_t left = request_.upload->size_bytes - uploaded_;
  if (left == 0) return 0;
  if (!upload_) upload_ = request_.upload->open();
  std::size_t got = upload_->read(into.first(std::min<std::uint64_t>(into.size(), left)));
  // Were it left at that, the server would wait for the rest.
  if (got == 0) throw_error(ErrorKind::corrupt, "what was to be sent ends {} bytes early", left);
  uploaded_ += got;
  bytes_moved_ += got;
  return got;
}

bool CurlTransfer::may_use(std::optional<AddressClass> address) noexcept {
  if (proxied_ || !address || request_.addresses.allows(*address)) return true;
  refused_ = address;
  return false;
}

void CurlTransfer::set_callbacks() {
  set_option(easy_, CURLOPT_ERRORBUFFER, error_text_);
  set_option(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  set_option(easy_, CURLOPT_HEADERDATA, this);
  set_option(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  set_option(easy_, CURLOPT_WRITEDATA, this);
  if (request_.upload) {
    set_option(easy_, CURLOPT_READFUNCTION, &CurlTransfer::on_upload);
    set_option(easy_, CURLOPT_READDATA, this);
    set_option(easy_, CURLOPT_SEEKFUNCTION, &CurlTransfer::on_seek);
    set_option(easy_, CURLOPT_SEEKDATA, this);
  }
  set_option(easy_, CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::on_open_socket);
  set_option(easy_, CURLOPT_OPENSOCKETDATA, this);
  set_option(easy_, CURLOPT_PREREQFUNCTION, &CurlTransfer::on_before_request);
  set_option(easy_, CURLOPT_PREREQDATA, this);
}

}  // namespace imgb
