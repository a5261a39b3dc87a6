#pragma once
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "registry/address.h"
#include "registry/curl_library.h"
#include "registry/http.h"
#include "registry/response_head.h"

namespace imgb {

/// The state of one exchange, and the callbacks that libcurl makes into it. No exception leaves a callback: it is kept
/// here, libcurl is told to stop, and whoever made the transfer throws it. Borrows all it is made with.
class CurlTransfer {
 public:
  /// `proxied`: the peer is a proxy of the user's choice, whose address is not looked at.
  CurlTransfer(const HttpRequest& request, const HttpTransport::OnHead& on_head, CURL* easy, bool proxied)
      : request_(request), on_head_(on_head), easy_(easy), proxied_(proxied) {}
  CurlTransfer(const CurlTransfer&) = delete;

  void set_callbacks();

  const std::optional<AddressClass>& peer() const { return peer_; }
  const ResponseHead& head() const { return parser_.head(); }
  bool got_head() const { return got_head_; }
  const std::uint64_t& bytes_moved() const { return bytes_moved_; }  ///< In and out.
  const std::exception_ptr& failure() const { return failure_; }
  const std::optional<AddressClass>& refused() const { return refused_; }
  std::string_view error_text() const { return error_text_; }

 private:
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self);
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self);
  static std::size_t on_upload(char* into, std::size_t, std::size_t size, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  static curl_socket_t on_open_socket(void* self, curlsocktype, curl_sockaddr* address);
  static int on_before_request(void* self, char* peer, char*, int, int);

  template <class Use>
  std::size_t guarded(std::size_t size, Use use) noexcept;
  void take_header(std::string_view line);
  void take_body(std::string_view data);
  std::size_t give_upload(std::span<std::byte> into);
  bool may_use(std::optional<AddressClass> address) noexcept;

  const HttpRequest& request_;
  const HttpTransport::OnHead& on_head_;
  CURL* easy_;
  bool proxied_;
  ResponseHeadParser parser_;
  bool got_head_ = false;
  Sink* sink_ = nullptr;
  std::uint64_t bytes_moved_ = 0;
  std::unique_ptr<Source> upload_;
  std::uint64_t uploaded_ = 0;
  std::exception_ptr failure_;
  std::optional<AddressClass> refused_, peer_;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace imgb
