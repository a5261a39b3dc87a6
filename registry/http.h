#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "registry/address.h"
#include "registry/url.h"

namespace imgb {

/// Header fields in order; names compare without case.
class Headers {
 public:
  struct Field {
    std::string name, value;
    friend bool operator==(const Field&, const Field&) = default;
  };
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  std::optional<std::string_view> find(std::string_view name) const;  ///< The first of that name.
  std::vector<std::string_view> all(std::string_view name) const;
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  void set(std::string name, std::string value);
  void remove(std::string_view name);
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// How to trust and prove to one server.
struct TlsOptions {
  bool verify = true;
  std::vector<std::string> extra_ca_files;               ///< PEM, trusted beside the system's.
  std::string client_certificate_file, client_key_file;  ///< PEM; both or none.
  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

/// A body that is read while it is sent.
struct Upload {
  std::function<std::unique_ptr<Source>()> open;  ///< From its first byte; once for each request that is sent.
  std::uint64_t size_bytes = 0;                   ///< What `open` gives, exactly.
};

struct HttpRequest {
  std::string method = "GET";  ///< HEAD has no body in the answer.
  Url url;
  Headers headers;
  std::optional<std::string> body;
  std::optional<Upload> upload;  ///< Instead of `body`.
  TlsOptions tls;
  AddressRule addresses;  ///< Checked on what the name resolves to, before a byte is sent. Not behind a proxy.
};

struct ResponseHead {
  int status = 0;
  Headers headers;
  /// The kind of network the answer came from; nullopt behind a proxy.
  std::optional<AddressClass> peer;
  bool redirected = false;  ///< From another server than the one that was asked first (exchange.h).
};

/// Why no answer, or not all of it, arrived.
enum class TransportFailure {
  resolve,         ///< The name has no address.
  connect,         ///< Nobody listens, no route, or too slow to connect.
  tls,             ///< Certificate or protocol of TLS: never retried, never answered by plain HTTP.
  no_tls,          ///< The port speaks something that is not TLS.
  stalled,         ///< Too slow for too long.
  cut,             ///< Closed, reset or short; also in the middle of a TLS handshake.
  malformed,       ///< Not HTTP, ambiguous framing, or too large a header.
  refused_address  ///< AddressRule.
};
class TransportError : public Error {
 public:
  TransportError(TransportFailure failure, ErrorKind kind, std::string message)
      : Error(kind, std::move(message)), failure_(failure) {}
  TransportFailure failure() const { return failure_; }

 private:
  TransportFailure failure_;
};

/// One HTTP exchange: no redirects, no credentials, no retries of its own. Threads: all may call at once.
class HttpTransport {
 public:
  /// Called once, when the head is complete (never for 1xx). The body goes to the sink it returns, which must live
  /// until perform() returns; null drops the body. Content-Encoding is not undone.
  using OnHead = std::function<Sink*(const ResponseHead&)>;

  virtual ~HttpTransport() = default;
  /// Returns when the body has arrived in full. Throws TransportError, Error(cancelled) within 100 ms of `stop`, and
  /// whatever `on_head` and the sink throw.
  virtual ResponseHead perform(const HttpRequest& request, const OnHead& on_head, std::stop_token stop) = 0;
};

}  // namespace imgb
