#include "registry/token.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxTokenAnswerBytes = 256ull * 1024;
constexpr std::size_t kMaxTokenBytes = 48ull * 1024;

bool fits_header(std::string_view token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Token parse_token(std::string_view json) {
  auto answer = parse_json(json, kMaxTokenAnswerBytes, "answer of the token service");
  auto text = [&](const char* name) -> std::string {
    if (!answer.is_object()) return "";
    auto field = answer.find(name);
    return field != answer.end() && field->is_string() ? field->get<std::string>() : "";
  };
  Token token{text("token")};
  if (token.text.empty()) token.text = text("access_token");
  if (token.text.empty()) throw_error(ErrorKind::corrupt, "the token service answered without a token");
  if (token.text.size() > kMaxTokenBytes || !fits_header(token.text)) {
    throw_error(ErrorKind::corrupt, "the token service answered with a token that fits no header");
  }
  if (auto life = answer.find("expires_in"); life != answer.end() && life->is_number_integer()) {
    token.lifetime = std::chrono::seconds(std::clamp<std::int64_t>(life->get<std::int64_t>(), 60, 24ll * 3600));
  }
  return token;
}

Url token_url(const Url& realm, std::string_view service, std::string_view scope, std::string_view account) {
  Url url = realm;
  auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    url.target += url.target.find('?') == std::string::npos ? '?' : '&';
    url.target.append(name).append("=").append(percent_encode(value));
  };
  add("service", service);
  for (std::string_view one : split(scope, ' ')) add("scope", one);
  add("account", account);
  return url;
}

std::optional<std::string> TokenCache::find(const TokenKey& key, Time now) const {
  auto found = tokens_.find(key);
  if (found == tokens_.end() || found->second.until <= now) return std::nullopt;
  return found->second.text;
}

void TokenCache::put(const TokenKey& key, const Token& token, Time now) {
  // A little early: the token must still hold when the request arrives.
  tokens_.insert_or_assign(key, Held{token.text, now + token.lifetime - std::chrono::seconds(5)});
}

}  // namespace imgb
