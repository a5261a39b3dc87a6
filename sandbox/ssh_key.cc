#include "sandbox/ssh_key.h"

#include "core/base/base64.h"
#include "core/base/error.h"
#include "core/base/private_key.h"
#include "sandbox/ssh_wire.h"

namespace imgb {
namespace {

using Hash = PrivateKey::Hash;
using Kind = PrivateKey::Kind;

struct Curve {
  Kind kind;
  const char* name;
  Hash hash;
};
constexpr Curve kCurves[] = {{Kind::p256, "nistp256", Hash::sha256},
                             {Kind::p384, "nistp384", Hash::sha384},
                             {Kind::p521, "nistp521", Hash::sha512}};

const Curve& curve_of(const PrivateKey& key) {
  for (const Curve& curve : kCurves)
    if (curve.kind == key.kind()) return curve;
  throw_error(ErrorKind::internal, "a key of no kind");
}

void check(bool ok, const char* what) {
  if (!ok) throw_error(ErrorKind::input, "{}", what);
}

PrivateKey read_ed25519(SshReader& from) {
  from.string();
  std::string_view secret = from.string();  // the seed, then the public key again
  check(secret.size() == 64, "the key is damaged");
  return PrivateKey::ed25519(secret.substr(0, 32));
}

PrivateKey read_rsa(SshReader& from) {
  std::string_view modulus = from.string(), exponent = from.string(), secret = from.string();
  from.string();  // iqmp, p and q, which follow from these
  from.string();
  from.string();
  return PrivateKey::rsa(modulus, exponent, secret);
}

PrivateKey read_ecdsa(SshReader& from) {
  std::string_view name = from.string(), point = from.string(), secret = from.string();
  for (const Curve& curve : kCurves)
    if (name == curve.name) return PrivateKey::on_curve(curve.kind, point, secret);
  throw_error(ErrorKind::input, "the curve {:?} is not known", name);
}

PrivateKey read_private_half(SshReader& from) {
  std::string_view kind = from.string();
  if (kind == "ssh-ed25519") return read_ed25519(from);
  if (kind == "ssh-rsa") return read_rsa(from);
  if (kind.starts_with("ecdsa-sha2-")) return read_ecdsa(from);
  throw_error(ErrorKind::input, "keys of kind {:?} are not known", kind);
}

constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----", kEnd = "-----END OPENSSH PRIVATE KEY-----";

std::string decode_body(std::string_view text) {
  std::size_t begin = text.find(kBegin), end = text.find(kEnd);
  check(end != std::string_view::npos && end > begin, "its end is missing");
  std::string base64;
  for (char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size()))
    if (c != '\n' && c != '\r' && c != ' ') base64 += c;
  auto bytes = decode_base64(base64);
  check(bytes && !bytes->empty(), "it is no base64");
  return std::move(*bytes);
}

/// PROTOCOL.key of OpenSSH: the key and its comment.
std::pair<PrivateKey, std::string> read_openssh(std::string_view text) {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  std::string body = decode_body(text);
  check(body.starts_with(kMagic), "it is no OpenSSH key");
  SshReader outer(std::string_view(body).substr(kMagic.size()));
  std::string_view cipher = outer.string();
  outer.string();  // the name of the key derivation, and its options
  outer.string();
  if (cipher != "none") throw_error(ErrorKind::unsupported, "it has a passphrase");
  check(outer.number() == 1, "it holds more than one key");
  outer.string();  // the public half, which the private one has too
  SshReader inner(outer.string());
  check(inner.number() == inner.number(), "the key is damaged");
  PrivateKey key = read_private_half(inner);
  return {std::move(key), std::string(inner.string())};
}

std::string public_blob_of(const PrivateKey& key) {
  SshWriter blob;
  switch (key.kind()) {
    case Kind::ed25519:
      return blob.string("ssh-ed25519").string(key.public_point()).take();
    case Kind::rsa:
      return blob.string("ssh-rsa").big_number(key.rsa_exponent()).big_number(key.rsa_modulus()).take();
    default:
      std::string name = curve_of(key).name;
      return blob.string("ecdsa-sha2-" + name).string(name).string(key.public_point()).take();
  }
}

}  // namespace

struct SshKey::State {
  PrivateKey key;
  std::string comment, public_blob;
};

SshKey SshKey::parse(std::string_view text, std::string_view name) {
  return in_context(
      [&] { return fmt::format("ssh key {}", name); },
      [&] {
        try {
          bool openssh = text.find(kBegin) != std::string_view::npos;
          auto [key, comment] =
              openssh ? read_openssh(text) : std::pair(PrivateKey::parse_pem(text), std::string(name));
          if (comment.empty()) comment = name;
          std::string blob = public_blob_of(key);
          return SshKey(std::make_unique<State>(State{std::move(key), std::move(comment), std::move(blob)}));
        } catch (Error& e) {
          if (e.kind() == ErrorKind::unsupported)
            e.set_hint("add the key to ssh-agent with ssh-add, and use --ssh without a file");
          throw;
        }
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
  const PrivateKey& key = state_->key;
  SshWriter blob;
  if (key.kind() == Kind::ed25519) return blob.string("ssh-ed25519").string(key.sign(data, Hash::none)).take();
  if (key.kind() == Kind::rsa) {
    if (flags & kSha512) return blob.string("rsa-sha2-512").string(key.sign(data, Hash::sha512)).take();
    if (flags & kSha256) return blob.string("rsa-sha2-256").string(key.sign(data, Hash::sha256)).take();
    return std::nullopt;
  }
  const Curve& curve = curve_of(key);
  auto [r, s] = key.sign_on_curve(data, curve.hash);
  std::string numbers = SshWriter().big_number(r).big_number(s).take();  // RFC 5656 3.1.2
  return blob.string(std::string("ecdsa-sha2-") + curve.name).string(numbers).take();
}

}  // namespace imgb
