#include "sandbox/ssh_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "core/base/error.h"
#include "sandbox/ssh_wire.h"

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
  const char *ssh_name, *openssl_name, *digest;
  int order_bytes;
};
constexpr Curve kCurves[] = {{"nistp256", "prime256v1", "SHA256", 32},
                             {"nistp384", "secp384r1", "SHA384", 48},
                             {"nistp521", "secp521r1", "SHA512", 66}};

constexpr int kMinRsaBits = 2048, kMaxRsaBits = 16384;

void check(bool ok, const char* what) {
  if (!ok) throw_error(ErrorKind::input, "{}", what);
}

Number number_of(std::string_view bytes) {
  Number number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
  check(number != nullptr, "a number in it is damaged");
  return number;
}

std::string bytes_of(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

Number find_number(const Key& key, const char* name) {
  BIGNUM* number = nullptr;
  check(EVP_PKEY_get_bn_param(key.get(), name, &number) == 1, "the key is damaged");
  return Number(number);
}

const Curve* curve_of(const Key& key) {
  char name[64];
  std::size_t size = 0;
  if (EVP_PKEY_get_utf8_string_param(key.get(), OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &size) != 1)
    return nullptr;
  for (const Curve& curve : kCurves)
    if (std::string_view(name, size) == curve.openssl_name || std::string_view(name, size) == curve.ssh_name)
      return &curve;
  return nullptr;
}

Key key_from(const char* kind, const ParamBuilder& builder) {
  Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  Context context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  check(params && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
            EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) == 1,
        "the key is damaged");
  return Key(key);
}

Key read_ed25519(SshReader& from) {
  from.string();
  std::string_view secret = from.string();  // the seed, then the public key again
  check(secret.size() == 64, "the key is damaged");
  return Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                          reinterpret_cast<const unsigned char*>(secret.data()), 32));
}

Key read_rsa(SshReader& from) {
  Number n = number_of(from.string()), e = number_of(from.string()), d = number_of(from.string());
  from.string();  // iqmp, which OpenSSL does not need
  Number p = number_of(from.string()), q = number_of(from.string());
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  for (auto [name, value] :
       {std::pair{OSSL_PKEY_PARAM_RSA_N, &n}, {OSSL_PKEY_PARAM_RSA_E, &e}, {OSSL_PKEY_PARAM_RSA_D, &d}})
    check(OSSL_PARAM_BLD_push_BN(builder.get(), name, value->get()) == 1, "the key is damaged");
  return key_from("RSA", builder);
}

Key read_ecdsa(SshReader& from) {
  std::string_view name = from.string(), point = from.string();
  Number secret = number_of(from.string());
  for (const Curve& curve : kCurves) {
    if (name != curve.ssh_name) continue;
    ParamBuilder builder(OSSL_PARAM_BLD_new());
    check(
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl_name, 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1,
        "the key is damaged");
    return key_from("EC", builder);
  }
  throw_error(ErrorKind::input, "the curve {:?} is not known", name);
}

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----", kEnd = "-----END OPENSSH PRIVATE KEY-----";

std::string decode_body(std::string_view text) {
  std::size_t begin = text.find(kBegin), end = text.find(kEnd);
  check(end != std::string_view::npos && end > begin, "its end is missing");
  std::string base64;
  for (char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size()))
    if (c != '\n' && c != '\r' && c != ' ') base64 += c;
  std::string bytes(base64.size() / 4 * 3, '\0');
  int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                             reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  check(size > 0, "it is no base64");
  for (std::size_t i = base64.size(); i > 0 && base64[i - 1] == '='; --i) --size;
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

/// PROTOCOL.key of OpenSSH.
std::pair<Key, std::string> read_openssh(std::string_view text) {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  std::string body = decode_body(text);
  check(body.starts_with(kMagic), "it is no OpenSSH key");
  SshReader outer(std::string_view(body).substr(kMagic.size()));
  std::string_view cipher = outer.string();
  outer.string();  // the name of the key derivation, and its options
  outer.string();
  if (cipher != "none")
    throw Error(ErrorKind::unsupported, "it has a passphrase")
        .set_hint("add the key to ssh-agent with ssh-add, and use --ssh without a file");
  check(outer.number() == 1, "it holds more than one key");
  outer.string();  // the public half, which the private one has too
  SshReader inner(outer.string());
  check(inner.number() == inner.number(), "the key is damaged");
  std::string_view kind = inner.string();
  Key key;
  if (kind == "ssh-ed25519")
    key = read_ed25519(inner);
  else if (kind == "ssh-rsa")
    key = read_rsa(inner);
  else if (kind.starts_with("ecdsa-sha2-"))
    key = read_ecdsa(inner);
  else
    throw_error(ErrorKind::input, "keys of kind {:?} are not known", kind);
  check(key != nullptr, "the key is damaged");
  return {std::move(key), std::string(inner.string())};
}

int refuse_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Key read_pem(std::string_view text) {
  std::unique_ptr<BIO, With<BIO_free>> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  bool has_passphrase = false;
  Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &has_passphrase) : nullptr);
  if (has_passphrase)
    throw Error(ErrorKind::unsupported, "it has a passphrase")
        .set_hint("add the key to ssh-agent with ssh-add, and use --ssh without a file");
  check(key != nullptr, "it is no private key");
  return key;
}

std::string octets(const Key& key, const char* name) {
  std::size_t size = 0;
  check(EVP_PKEY_get_octet_string_param(key.get(), name, nullptr, 0, &size) == 1, "the key is damaged");
  std::string bytes(size, '\0');
  check(EVP_PKEY_get_octet_string_param(key.get(), name, reinterpret_cast<unsigned char*>(bytes.data()), size, &size) ==
            1,
        "the key is damaged");
  return bytes;
}

std::string public_blob_of(const Key& key) {
  SshWriter blob;
  if (EVP_PKEY_is_a(key.get(), "ED25519"))
    return blob.string("ssh-ed25519").string(octets(key, OSSL_PKEY_PARAM_PUB_KEY)).take();
  if (EVP_PKEY_is_a(key.get(), "RSA")) {
    int bits = EVP_PKEY_get_bits(key.get());
    check(bits >= kMinRsaBits && bits <= kMaxRsaBits, "RSA keys have 2048 to 16384 bits");
    return blob.string("ssh-rsa")
        .big_number(bytes_of(find_number(key, OSSL_PKEY_PARAM_RSA_E).get()))
        .big_number(bytes_of(find_number(key, OSSL_PKEY_PARAM_RSA_N).get()))
        .take();
  }
  const Curve* curve = EVP_PKEY_is_a(key.get(), "EC") ? curve_of(key) : nullptr;
  check(curve != nullptr, "keys of this kind are not known: ed25519, rsa and ecdsa are");
  std::string point(1, '\4');  // uncompressed: both coordinates
  for (const char* name : {OSSL_PKEY_PARAM_EC_PUB_X, OSSL_PKEY_PARAM_EC_PUB_Y}) {
    std::string coordinate(static_cast<std::size_t>(curve->order_bytes), '\0');
    check(BN_bn2binpad(find_number(key, name).get(), reinterpret_cast<unsigned char*>(coordinate.data()),
                       curve->order_bytes) > 0,
          "the key is damaged");
    point += coordinate;
  }
  return blob.string(std::string("ecdsa-sha2-") + curve->ssh_name).string(curve->ssh_name).string(point).take();
}

std::string raw_signature(const Key& key, const char* digest, std::string_view data) {
  std::unique_ptr<EVP_MD_CTX, With<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t size = 0;
  bool ok = context &&
            EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key.get(), nullptr) == 1 &&
            EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size()) == 1;
  std::string signature(size, '\0');
  ok = ok && EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                            data.size()) == 1;
  if (!ok) throw_error(ErrorKind::internal, "OpenSSL does not sign");
  signature.resize(size);
  return signature;
}

/// RFC 5656 3.1.2: two numbers where OpenSSL writes DER.
std::string ecdsa_numbers(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  std::unique_ptr<ECDSA_SIG, With<ECDSA_SIG_free>> signature(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  if (!signature) throw_error(ErrorKind::internal, "OpenSSL's signature cannot be read");
  return SshWriter()
      .big_number(bytes_of(ECDSA_SIG_get0_r(signature.get())))
      .big_number(bytes_of(ECDSA_SIG_get0_s(signature.get())))
      .take();
}

}  // namespace

struct SshKey::State {
  Key key;
  std::string comment, public_blob;
};

SshKey SshKey::parse(std::string_view text, std::string_view name) {
  return in_context([&] { return fmt::format("ssh key {}", name); },
                    [&] {
                      auto state = std::make_unique<State>();
                      if (text.find(kBegin) != std::string_view::npos)
                        std::tie(state->key, state->comment) = read_openssh(text);
                      else
                        state->key = read_pem(text);
                      if (state->comment.empty()) state->comment = name;
                      state->public_blob = public_blob_of(state->key);
                      return SshKey(std::move(state));
                    });
}

SshKey::SshKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
SshKey::SshKey(SshKey&&) noexcept = default;
SshKey& SshKey::operator=(SshKey&&) noexcept = default;
SshKey::~SshKey() = default;

const std::string& SshKey::comment() const { return state_->comment; }
const std::string& SshKey::public_blob() const { return state_->public_blob; }

std::optional<std::string> SshKey::sign(std::string_view data, unsigned flags) const {
  constexpr unsigned kSha256 = 2, kSha512 = 4;
  const Key& key = state_->key;
  SshWriter blob;
  if (EVP_PKEY_is_a(key.get(), "ED25519"))
    return blob.string("ssh-ed25519").string(raw_signature(key, nullptr, data)).take();
  if (EVP_PKEY_is_a(key.get(), "RSA")) {
    if (flags & kSha512) return blob.string("rsa-sha2-512").string(raw_signature(key, "SHA512", data)).take();
    if (flags & kSha256) return blob.string("rsa-sha2-256").string(raw_signature(key, "SHA256", data)).take();
    return std::nullopt;
  }
  const Curve& curve = *curve_of(key);
  return blob.string(std::string("ecdsa-sha2-") + curve.ssh_name)
      .string(ecdsa_numbers(raw_signature(key, curve.digest, data)))
      .take();
}

}  // namespace imgb
