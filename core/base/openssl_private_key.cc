#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "core/base/error.h"
#include "core/base/private_key.h"

namespace imgb {
namespace {

template <auto Free>
struct With {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;
using Number = std::unique_ptr<BIGNUM, With<BN_clear_free>>;
using Params = std::unique_ptr<OSSL_PARAM, With<OSSL_PARAM_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, With<OSSL_PARAM_BLD_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, With<EVP_PKEY_CTX_free>>;

struct Curve {
  PrivateKey::Kind kind;
  const char *name, *other_name;  ///< A PEM may say either.
  int order_bytes;
};
constexpr Curve kCurves[] = {{PrivateKey::Kind::p256, "prime256v1", "P-256", 32},
                             {PrivateKey::Kind::p384, "secp384r1", "P-384", 48},
                             {PrivateKey::Kind::p521, "secp521r1", "P-521", 66}};

constexpr int kMinRsaBits = 2048, kMaxRsaBits = 16384;

void check(bool ok, const char* what = "the key is damaged") {
  if (!ok) throw_error(ErrorKind::input, "{}", what);
}

const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

Number number_of(std::string_view bytes) {
  Number number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
  check(number != nullptr, "a number in it is damaged");
  return number;
}

std::string bytes_of(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, raw(bytes));
  return bytes;
}

Number find_number(const Key& key, const char* name) {
  BIGNUM* number = nullptr;
  check(EVP_PKEY_get_bn_param(key.get(), name, &number) == 1);
  return Number(number);
}

std::string octets(const Key& key, const char* name) {
  std::size_t size = 0;
  check(EVP_PKEY_get_octet_string_param(key.get(), name, nullptr, 0, &size) == 1);
  std::string bytes(size, '\0');
  check(EVP_PKEY_get_octet_string_param(key.get(), name, raw(bytes), size, &size) == 1);
  return bytes;
}

const Curve* curve_of(const Key& key) {
  char name[64];
  std::size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &size) != 1)
    return nullptr;
  for (const Curve& curve : kCurves)
    if (std::string_view(name, size) == curve.name || std::string_view(name, size) == curve.other_name) return &curve;
  return nullptr;
}

const Curve& curve_of(PrivateKey::Kind kind) {
  for (const Curve& curve : kCurves)
    if (curve.kind == kind) return curve;
  throw_error(ErrorKind::internal, "no elliptic curve");
}

PrivateKey::Kind kind_of(const Key& key) {
  check(key != nullptr);
  if (EVP_PKEY_is_a(key.get(), "ED25519")) return PrivateKey::Kind::ed25519;
  if (EVP_PKEY_is_a(key.get(), "RSA")) {
    int bits = EVP_PKEY_get_bits(key.get());
    check(bits >= kMinRsaBits && bits <= kMaxRsaBits, "RSA keys have 2048 to 16384 bits");
    return PrivateKey::Kind::rsa;
  }
  const Curve* curve = EVP_PKEY_is_a(key.get(), "EC") ? curve_of(key) : nullptr;
  check(curve != nullptr, "keys of this kind are not known: ed25519, rsa and ecdsa are");
  return curve->kind;
}

Key key_from(const char* kind, const ParamBuilder& builder) {
  Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  Context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  check(params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) == 1);
  return Key(key);
}

int refuse_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

const char* name_of(PrivateKey::Hash hash) {
  switch (hash) {
    case PrivateKey::Hash::sha256:
      return "SHA256";
    case PrivateKey::Hash::sha384:
      return "SHA384";
    case PrivateKey::Hash::sha512:
      return "SHA512";
    default:
      return nullptr;
  }
}

}  // namespace

struct PrivateKey::State {
  explicit State(Key given) : key(std::move(given)), kind(kind_of(key)) {}
  Key key;
  Kind kind;
};

PrivateKey::PrivateKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

PrivateKey PrivateKey::parse_pem(std::string_view text) {
  std::unique_ptr<BIO, With<BIO_free>> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  bool has_passphrase = false;
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &has_passphrase) : nullptr);
  if (has_passphrase) throw_error(ErrorKind::unsupported, "it has a passphrase");
  check(key != nullptr, "it is no private key");
  return PrivateKey(std::make_unique<State>(std::move(key)));
}

PrivateKey PrivateKey::ed25519(std::string_view seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed), seed.size()));
  return PrivateKey(std::make_unique<State>(std::move(key)));
}

PrivateKey PrivateKey::rsa(std::string_view modulus, std::string_view exponent, std::string_view secret_exponent) {
  Number n = number_of(modulus), e = number_of(exponent), d = number_of(secret_exponent);
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  for (auto [name, value] :
       {std::pair{OSSL_PKEY_PARAM_RSA_N, &n}, {OSSL_PKEY_PARAM_RSA_E, &e}, {OSSL_PKEY_PARAM_RSA_D, &d}})
    check(OSSL_PARAM_BLD_push_BN(builder.get(), name, value->get()) == 1);
  return PrivateKey(std::make_unique<State>(key_from("RSA", builder)));
}

PrivateKey PrivateKey::on_curve(Kind curve, std::string_view point, std::string_view secret) {
  Number number = number_of(secret);
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  check(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve_of(curve).name, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1);
  return PrivateKey(std::make_unique<State>(key_from("EC", builder)));
}

PrivateKey::Kind PrivateKey::kind() const { return state_->kind; }

std::string PrivateKey::public_point() const {
  if (state_->kind == Kind::ed25519) return octets(state_->key, OSSL_PKEY_PARAM_PUB_KEY);
  const Curve& curve = curve_of(state_->kind);
  std::string point(1, '\4');  // uncompressed: both coordinates
  for (const char* name : {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y}) {
    std::string coordinate(static_cast<std::size_t>(curve.order_bytes), '\0');
    check(BN_bn2binpad(find_number(state_->key, name).get(), raw(coordinate), curve.order_bytes) > 0);
    point += coordinate;
  }
  return point;
}

std::string PrivateKey::rsa_modulus() const { return bytes_of(find_number(state_->key, OSSL_PKEY_PARAM_RSA_N).get()); }
std::string PrivateKey::rsa_exponent() const { return bytes_of(find_number(state_->key, OSSL_PKEY_PARAM_RSA_E).get()); }

std::string PrivateKey::sign(std::string_view data, Hash hash) const {
  std::unique_ptr<EVP_MD_CTX, With<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  bool ok =
      context &&
      EVP_DigestSignInit_ex(context.get(), nullptr, name_of(hash), nullptr, nullptr, state_->key.get(), nullptr) == 1 &&
      EVP_DigestSign(context.get(), nullptr, &size, raw(data), data.size()) == 1;
  std::string signature(size, '\0');
  ok = ok && EVP_DigestSign(context.get(), raw(signature), &size, raw(data), data.size()) == 1;
  if (!ok) throw_error(ErrorKind::internal, "OpenSSL does not sign");
  signature.resize(size);
  return signature;
}

PrivateKey::CurveSignature PrivateKey::sign_on_curve(std::string_view data, Hash hash) const {
  std::string der = sign(data, hash);
  const unsigned char* at = raw(der);
  std::unique_ptr<ECDSA_SIG, With<ECDSA_SIG_free>> signature(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) throw_error(ErrorKind::internal, "OpenSSL's signature cannot be read");
  return {bytes_of(ECDSA_SIG_get0_r(signature.get())), bytes_of(ECDSA_SIG_get0_s(signature.get()))};
}

}  // namespace imgb
