#include "core/base/base64.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/reference.h"
#include "registry/auth_file.h"
#include "registry/challenge.h"
#include "registry/credential_policy.h"
#include "registry/http_fields.h"
#include "registry/registries_conf.h"
#include "registry/registry_error.h"
#include "registry/response_head.h"
#include "registry/token.h"
#include "registry/url.h"
#include "tests/fuzz/targets.h"

namespace imgb::fuzz {
namespace {

bool is_plain(std::string_view text) {
  return text.find_first_of(std::string_view("\0\r\n \x1b", 5)) == std::string_view::npos;
}

void check_url(const Url& found) {
  want(is_plain(found.str()), "nothing in a URL ends a request line");
  want(found.target.starts_with('/'), "a target begins with a slash");
  want(Url::parse(found.str()).origin == found.origin, "a URL written out leads to the same server");
}

}  // namespace

void url(std::string_view bytes) {
  static const Url base = Url::parse("https://registry.example.com:5000/v2/a/blobs/x?y=z");
  if (auto found = Url::find(bytes)) check_url(*found);
  may_refuse([&] { check_url(resolve(base, bytes)); });
  may_refuse([&] {
    Url to = follow_redirect(base, bytes, 0);
    want(to.origin.scheme == "https", "no redirect leads down to http");
    want(may_send(Secret::request_header, base.origin, to.origin) == (to.origin == base.origin),
         "headers stay with their server");
  });
  if (!find_realm_problem(base.origin, bytes)) {
    Url realm = Url::parse(bytes);
    want(realm.origin.scheme == "https", "a realm is https");
    check_url(token_url(realm, bytes, bytes, bytes));
    bool ours = realm.origin.host == "registry.example.com" || realm.origin.host == "example.com";
    want(ours || !may_send(Secret::registry_credential, base.origin, realm.origin), "credentials stay with their host");
  }
  find_origin("https", bytes);
  if (auto decoded = percent_decode(bytes))
    want(percent_decode(percent_encode(*decoded)) == decoded, "encoding is reversible");
}

void http_answer(std::string_view bytes) {
  std::size_t end = bytes.find(std::string_view("\r\n\r\n"));
  std::string_view body = end == std::string_view::npos ? std::string_view() : bytes.substr(end + 4);
  ResponseHeadParser parser;
  may_refuse([&] {
    for (std::size_t at = 0; at < bytes.size();) {
      std::size_t stop = bytes.find('\n', at);
      std::size_t length = (stop == std::string_view::npos ? bytes.size() : stop + 1) - at;
      if (parser.add_line(bytes.substr(at, length))) break;
      at += length;
    }
  });
  find_challenge(parser.head().headers);
  RegistryError error = registry_error("GET https://example.com/", parser.head(), body, 0);
  std::string_view text = error.what();
  want(text.find('\x1b') == std::string_view::npos && text.size() < 8192, "errors are short and harmless");
  for (std::string_view line : split(bytes.substr(0, 4096), '\n')) {
    find_challenge({{"WWW-Authenticate", std::string(line)}});
    find_content_range(line);
    if (auto wait = find_retry_after(line, 0)) want(wait->count() >= 0, "no time is waited backwards");
  }
  may_refuse([&] {
    Token token = parse_token(body);
    want(is_plain(token.text), "a token fits into a header");
  });
}

void registries_conf(std::string_view bytes) {
  static const Reference names[] = {Reference::parse("busybox"),
                                    Reference::parse("a.example.com:5000/x/y@sha256:" + std::string(64, '0'))};
  RegistriesConf conf;
  may_refuse([&] { conf.add(bytes, "registries.conf"); });
  for (const Reference& name : names) {
    may_refuse([&] {
      for (const Endpoint& endpoint : endpoints_for(name, conf)) want(!endpoint.authority.empty(), "somewhere to go");
    });
  }
}

void auth_file(std::string_view bytes) {
  for (const char* registry : {"docker.io", "a.example.com:5000"}) {
    may_refuse([&] {
      for (const CredentialStep& step : credential_steps(bytes, "auth.json", registry, "library/x"))
        if (const auto* ask = std::get_if<AskHelper>(&step))
          want(!ask->helper.empty() &&
                   ask->helper.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos,
               "a helper is a name");
    });
  }
  may_refuse([&] { parse_helper_answer(bytes); });
  if (auto decoded = decode_base64(bytes)) decode_base64(encode_base64(*decoded));
}

}  // namespace imgb::fuzz
