#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "core/base/error.h"
#include "registry/server/self_signed.h"

namespace imgb::server {
namespace {

struct Free {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* x) const { EVP_PKEY_free(x); }
  void operator()(BIO* x) const { BIO_free(x); }
  void operator()(X509_EXTENSION* x) const { X509_EXTENSION_free(x); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

template <class T>
T must(T result) {
  if (!result) throw_error(ErrorKind::internal, "OpenSSL cannot make a certificate");
  return result;
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  Owned<X509_EXTENSION> extension(must(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())));
  must(X509_add_ext(certificate, extension.get(), -1));
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

SelfSigned make_self_signed(const std::vector<std::string>& hosts, Nanoseconds now) {
  Owned<EVP_PKEY> key(must(EVP_EC_gen("P-256")));
  Owned<X509> certificate(must(X509_new()));
  X509_set_version(certificate.get(), 2);
  std::uint64_t serial = 0;
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1 | 1);
  auto seconds = static_cast<time_t>(now / kNanosecondsPerSecond);
  must(X509_time_adj_ex(X509_getm_notBefore(certificate.get()), -1, 0, &seconds));
  must(X509_time_adj_ex(X509_getm_notAfter(certificate.get()), 2 * 365, 0, &seconds));
  X509_NAME* name = X509_get_subject_name(certificate.get());
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("imgb serve"), -1,
                                  -1, 0));
  X509_set_issuer_name(certificate.get(), name);
  must(X509_set_pubkey(certificate.get(), key.get()));
  std::string names;
  for (const std::string& host : hosts)
    names += fmt::format("{}{}:{}", names.empty() ? "" : ",", is_address(host) ? "IP" : "DNS", host);
  add_extension(certificate.get(), NID_subject_alt_name, names);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(certificate.get(), NID_ext_key_usage, "serverAuth");
  must(X509_sign(certificate.get(), key.get(), EVP_sha256()));
  Owned<BIO> certificate_text(must(BIO_new(BIO_s_mem()))), key_text(must(BIO_new(BIO_s_mem())));
  must(PEM_write_bio_X509(certificate_text.get(), certificate.get()));
  must(PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr));
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}

}  // namespace imgb::server
