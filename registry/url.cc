#include "registry/url.h"

#include <arpa/inet.h>

#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_encoded(std::string& out, char c) { out += fmt::format("%{:02X}", static_cast<unsigned char>(c)); }

std::optional<std::string> find_host(std::string_view text) {
  if (text.empty() || text.size() > 253) return std::nullopt;
  if (text.front() == '[') {
    if (text.back() != ']') return std::nullopt;
    std::string address(text.substr(1, text.size() - 2));
    if (address.find('\0') != std::string::npos) return std::nullopt;  // C would not see what follows
    in6_addr parsed;
    if (inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return std::nullopt;
    return lower_ascii(address);
  }
  for (char c : text) {
    if (!is_unreserved(c) || c == '~') return std::nullopt;
  }
  if (text.front() == '.' || text.find("..") != std::string_view::npos) return std::nullopt;
  return lower_ascii(text);
}

/// Bytes that are legal in a request target stay, control characters make it nullopt, the rest is percent-encoded.
std::optional<std::string> find_target(std::string_view text) {
  constexpr std::string_view kEncoded = " \"<>\\^`{|}";
  std::string out = text.starts_with('/') ? "" : "/";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return std::nullopt;
    if (byte >= 0x80 || kEncoded.find(c) != std::string_view::npos) {
      append_encoded(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  auto parts = split(path.substr(1), '/');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    bool last = i + 1 == parts.size();
    if (parts[i] == "..") {
      if (!kept.empty()) kept.pop_back();
      if (last) kept.push_back("");
    } else if (parts[i] == ".") {
      if (last) kept.push_back("");
    } else {
      kept.push_back(parts[i]);
    }
  }
  std::string out;
  for (auto part : kept) out.append("/").append(part);
  return out.empty() ? "/" : out;
}

std::string clean_target(std::string_view target) {
  std::size_t query = target.find('?');
  std::string path = remove_dot_segments(target.substr(0, query));
  return query == std::string_view::npos ? path : path + std::string(target.substr(query));
}

std::optional<Url> find_url(std::string_view text, std::string& problem) {
  std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return problem = "it is not an http or https URL", std::nullopt;
  std::string scheme = lower_ascii(text.substr(0, colon));
  if (scheme != "http" && scheme != "https") {
    return problem = fmt::format("scheme {:?} is not allowed, only http and https", printable(scheme, 32)),
           std::nullopt;
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  std::size_t end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, end);
  Url url;
  if (std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    auto user_info = percent_decode(authority.substr(0, at));
    if (!user_info) return problem = "its user part is malformed", std::nullopt;
    url.user_info = std::move(*user_info);
    authority = authority.substr(at + 1);
  }
  auto origin = find_origin(scheme, authority);
  if (!origin) return problem = fmt::format("{:?} is not a host", printable(authority, 128)), std::nullopt;
  url.origin = std::move(*origin);
  auto target = find_target(end == std::string_view::npos ? "/" : rest.substr(end));
  if (!target) return problem = "it holds control characters", std::nullopt;
  url.target = std::move(*target);
  return url;
}

}  // namespace

std::string Origin::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (scheme == "https" ? 443 : 80) ? text : fmt::format("{}:{}", text, port);
}

std::optional<Origin> find_origin(std::string_view scheme, std::string_view authority) noexcept {
  std::uint16_t port = scheme == "https" ? 443 : 80;
  std::string_view host = authority;
  std::size_t bracket = authority.rfind(']');
  std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    auto number = find_unsigned(authority.substr(colon + 1));
    if (!number || *number == 0 || *number > 65535) return std::nullopt;
    port = static_cast<std::uint16_t>(*number);
    host = authority.substr(0, colon);
  }
  auto name = find_host(host);
  if (!name) return std::nullopt;
  return Origin{std::string(scheme), std::move(*name), port};
}

Url Url::parse(std::string_view text) {
  std::string problem;
  auto url = find_url(text, problem);
  if (!url) {
    std::size_t at = text.find('@');
    std::string shown =
        at == std::string_view::npos ? printable(text, 256) : "of " + printable(text.substr(at + 1), 256);
    throw_error(ErrorKind::input, "bad URL {}: {}", shown, problem);
  }
  return *url;
}

std::optional<Url> Url::find(std::string_view text) noexcept {
  std::string problem;
  return find_url(text, problem);
}

std::string Url::path() const { return target.substr(0, target.find('?')); }
std::string Url::redacted() const { return origin.str() + path(); }

Url resolve(const Url& base, std::string_view location) {
  location = trim(location);
  location = location.substr(0, location.find('#'));
  std::size_t scheme_end = location.find_first_of(":/?");
  bool has_scheme = scheme_end != std::string_view::npos && scheme_end > 0 && location[scheme_end] == ':';
  if (has_scheme) return Url::parse(location);
  if (location.starts_with("//")) return Url::parse(base.origin.scheme + ":" + std::string(location));
  std::string joined;
  if (location.empty()) {
    joined = base.target;
  } else if (location.front() == '/') {
    joined = location;
  } else if (location.front() == '?') {
    joined = base.path() + std::string(location);
  } else {
    std::string path = base.path();
    joined = path.substr(0, path.rfind('/') + 1) + std::string(location);
  }
  Url out = Url::parse(base.origin.str() + joined);
  out.target = clean_target(out.target);
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return out;
}

}  // namespace imgb
