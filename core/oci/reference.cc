#include "core/oci/reference.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxPathBytes = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }
bool has_upper(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

/// path-component: runs of [a-z0-9] joined by ".", "_", "__" or any number of "-".
bool is_path_component(std::string_view part) {
  std::size_t i = 0;
  auto word = [&] {
    std::size_t begin = i;
    while (i < part.size() && is_lower_alnum(part[i])) ++i;
    return i > begin;
  };
  if (!word()) return false;
  while (i < part.size()) {
    char c = part[i];
    if (c == '-') {
      while (i < part.size() && part[i] == '-') ++i;
    } else if (c == '.') {
      ++i;
    } else if (c == '_') {
      i += part.substr(i).starts_with("__") ? 2 : 1;
    } else {
      return false;
    }
    if (!word()) return false;
  }
  return true;
}

bool is_path(std::string_view path) {
  auto parts = split(path, '/');
  return std::all_of(parts.begin(), parts.end(), is_path_component);
}

/// domain-component: letters, digits and inner hyphens.
bool is_domain_component(std::string_view part) {
  if (part.empty() || !is_alnum(part.front()) || !is_alnum(part.back())) return false;
  return std::all_of(part.begin(), part.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_port(std::string_view port) { return !port.empty() && std::all_of(port.begin(), port.end(), is_digit); }

bool is_domain(std::string_view domain) {
  if (domain.starts_with('[')) {
    std::size_t close = domain.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    std::string_view address = domain.substr(1, close - 1), rest = domain.substr(close + 1);
    bool hexadecimal = std::all_of(address.begin(), address.end(), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
    });
    return hexadecimal && (rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1))));
  }
  std::size_t colon = domain.find(':');
  if (colon != std::string_view::npos && !is_port(domain.substr(colon + 1))) return false;
  auto parts = split(domain.substr(0, colon), '.');
  return std::all_of(parts.begin(), parts.end(), is_domain_component);
}

bool is_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > 128 || !(is_alnum(tag.front()) || tag.front() == '_')) return false;
  return std::all_of(tag.begin(), tag.end(), [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_image_id(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw_error(ErrorKind::input, "invalid reference \"{}\": {}", printable(text, 300), why);
}

/// Docker's rule for the first word: a domain shows by a dot, a colon, upper case or the name localhost.
bool looks_like_domain(std::string_view word) {
  return word.find_first_of(".:[") != std::string_view::npos || word == "localhost" || has_upper(word);
}

}  // namespace

Reference Reference::parse(std::string_view text) {
  std::string_view problem;
  auto found = read(text, problem);
  if (!found) refuse(text, problem);
  return *std::move(found);
}

std::optional<Reference> Reference::find(std::string_view text) {
  std::string_view problem;
  return read(text, problem);
}

std::optional<Reference> Reference::read(std::string_view text, std::string_view& problem) {
  auto fail = [&](std::string_view why) {
    problem = why;
    return std::nullopt;
  };
  if (text.empty()) return fail("it is empty");
  if (is_image_id(text)) return fail("64 hexadecimal digits are an image id, not a name");
  Reference ref;
  std::string_view rest = text;
  if (std::size_t at = rest.find('@'); at != std::string_view::npos) {
    std::string_view digest = rest.substr(at + 1);
    ref.digest_ = Digest::find(digest);
    if (!ref.digest_)
      return fail("the digest must be sha256: and 64, or sha512: and 128 lower-case hexadecimal digits");
    rest = rest.substr(0, at);
  }
  std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos && looks_like_domain(rest.substr(0, slash))) {
    ref.domain_ = rest.substr(0, slash);
    rest.remove_prefix(slash + 1);
    if (!is_domain(ref.domain_)) return fail("the registry's name is malformed");
  } else {
    ref.domain_ = "docker.io";
  }
  if (std::size_t colon = rest.rfind(':');
      colon != std::string_view::npos && rest.find('/', colon) == std::string_view::npos) {
    ref.tag_ = rest.substr(colon + 1);
    if (!is_tag(*ref.tag_))
      return fail(
          "a tag is up to 128 letters, digits, underscores, dots and dashes, and begins with none of the last two");
    rest = rest.substr(0, colon);
  }
  if (ref.domain_ == "index.docker.io") ref.domain_ = "docker.io";
  if (has_upper(rest)) return fail("repository name must be lowercase");
  if (!is_path(rest)) return fail("invalid reference format");
  ref.path_ = rest;
  if (ref.domain_ == "docker.io" && rest.find('/') == std::string_view::npos) ref.path_ = "library/" + ref.path_;
  // Of the path alone: the domain may be as long as it likes.
  if (ref.path_.size() > kMaxPathBytes) return fail("repository name must not be more than 255 characters");
  return ref;
}

std::string Reference::canonical() const {
  std::string text = name();
  if (tag_) text += ":" + *tag_;
  if (digest_) text += "@" + digest_->str();
  return text;
}

std::string Reference::familiar() const {
  std::string text = canonical();
  constexpr std::string_view kDocker = "docker.io/", kLibrary = "library/";
  if (domain_ != "docker.io") return text;
  text.erase(0, kDocker.size());
  std::string_view path = path_;
  if (path.starts_with(kLibrary) && path.substr(kLibrary.size()).find('/') == std::string_view::npos)
    text.erase(0, kLibrary.size());
  else if (looks_like_domain(path.substr(0, path.find('/'))))
    return canonical();  // a first word that would be taken for a registry
  return is_image_id(text) ? canonical() : text;
}

Reference Reference::with_default_tag() const { return tag_ || digest_ ? *this : with_tag("latest"); }

Reference Reference::with_tag(std::string tag) const {
  if (!is_tag(tag)) refuse(name() + ":" + tag, "not a tag");
  Reference copy = *this;
  copy.tag_ = std::move(tag);
  return copy;
}

Reference Reference::with_digest(Digest digest) const {
  Reference copy = *this;
  copy.digest_ = digest;
  return copy;
}

}  // namespace imgb
