#pragma once
#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace imgb {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, FreeSsl>;

/// What a made-up server shows as proof of its name.
struct FakeCertificate {
  bool expired = false;
  bool wrong_name = false;
  bool only_tls_1_1 = false;
};
/// Makes a key, an authority and a certificate; writes the authority's PEM to `ca_file`.
SslContext make_tls_context(const FakeCertificate& certificate, const std::string& ca_file);

/// A server's end of a connection, TLS or not. All functions say false or nullopt when the other side is gone.
class FakeSocket {
 public:
  FakeSocket(int fd, SSL_CTX* context);
  ~FakeSocket();
  FakeSocket(const FakeSocket&) = delete;
  bool shake_hands();
  std::optional<std::string> read_some();
  bool write(std::string_view bytes);
  void reset();  ///< Closes so that the other side sees RST.
  int fd() const { return fd_; }

 private:
  int fd_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

}  // namespace imgb
