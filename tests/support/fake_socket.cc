#include "tests/support/fake_socket.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <stdexcept>

namespace imgb {
namespace {

struct FreeOpenSsl {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeOpenSsl>;
using Certificate = std::unique_ptr<X509, FreeOpenSsl>;

void add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, FreeOpenSsl> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  X509_add_ext(certificate, extension.get(), -1);
}

Certificate make_certificate(EVP_PKEY* key, const char* name, X509* issuer, EVP_PKEY* issuer_key, long serial,
                             bool expired, const char* names) {
  Certificate out(X509_new());
  X509_set_version(out.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(out.get()), expired ? -2 * 86400 : -3600);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), expired ? -86400 : 86400);
  X509_set_pubkey(out.get(), key);
  X509_NAME* subject = X509_get_subject_name(out.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(out.get(), X509_get_subject_name(issuer ? issuer : out.get()));
  X509* signer = issuer ? issuer : out.get();
  add_extension(out.get(), signer, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (names) add_extension(out.get(), signer, NID_subject_alt_name, names);
  X509_sign(out.get(), issuer_key, EVP_sha256());
  return out;
}

}  // namespace

SslContext make_tls_context(const FakeCertificate& wanted, const std::string& ca_file) {
  Key ca_key(EVP_EC_gen("P-256")), key(EVP_EC_gen("P-256"));
  Certificate ca = make_certificate(ca_key.get(), "fake authority", nullptr, ca_key.get(), 1, false, nullptr);
  const char* names = wanted.wrong_name ? "DNS:elsewhere.example" : "DNS:localhost,IP:127.0.0.1,IP:::1";
  Certificate own = make_certificate(key.get(), "fake registry", ca.get(), ca_key.get(), 2, wanted.expired, names);
  if (FILE* file = std::fopen(ca_file.c_str(), "w")) {
    PEM_write_X509(file, ca.get());
    std::fclose(file);
  }
  SslContext context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), own.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  if (wanted.only_tls_1_1) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  }
  return context;
}

FakeSocket::FakeSocket(int fd, SSL_CTX* context) : fd_(fd) {
  if (!context) return;
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), fd);
}

FakeSocket::~FakeSocket() {
  if (ssl_) SSL_shutdown(ssl_.get());
  ssl_.reset();
  ::close(fd_);
}

bool FakeSocket::shake_hands() { return !ssl_ || SSL_accept(ssl_.get()) == 1; }

std::optional<std::string> FakeSocket::read_some() {
  std::string buffer(64 * 1024, '\0');
  auto got = ssl_ ? static_cast<ssize_t>(SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size())))
                  : ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got <= 0) return std::nullopt;
  buffer.resize(static_cast<std::size_t>(got));
  return buffer;
}

bool FakeSocket::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = ssl_ ? static_cast<ssize_t>(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())))
                     : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void FakeSocket::reset() {
  linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ssl_.reset();
}

}  // namespace imgb
