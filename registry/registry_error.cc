#include "registry/registry_error.h"

#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "core/oci/json.h"
#include "registry/http_fields.h"

namespace imgb {
namespace {

constexpr std::size_t kKeptBytes = 16ull * 1024;
constexpr std::uint64_t kReadBytes = 64ull * 1024;
constexpr std::size_t kShownBytes = 1024;

std::string_view reason_of(int status) {
  switch (status) {
    case 400:
      return " Bad Request";
    case 401:
      return " Unauthorized";
    case 403:
      return " Forbidden";
    case 404:
      return " Not Found";
    case 416:
      return " Range Not Satisfiable";
    case 429:
      return " Too Many Requests";
    case 500:
      return " Internal Server Error";
    case 502:
      return " Bad Gateway";
    case 503:
      return " Service Unavailable";
    case 504:
      return " Gateway Timeout";
    default:
      return "";
  }
}

ErrorKind kind_of(int status) {
  if (status == 401 || status == 403) return ErrorKind::denied;
  if (status == 404) return ErrorKind::not_found;
  return ErrorKind::unavailable;
}

struct Said {
  std::vector<std::string> codes;
  std::string text;
};

/// Spec: distribution-spec, "Error Codes". Anything else is shown as the text it is.
Said read_body(std::string_view body) {
  Said out;
  try {
    auto json = parse_json(body, kKeptBytes, "error");
    if (json.is_object() && json.contains("errors") && json["errors"].is_array()) {
      for (const auto& error : json["errors"]) {
        if (!error.is_object()) continue;
        auto text = [&](const char* name) {
          auto found = error.find(name);
          return found != error.end() && found->is_string() ? found->get<std::string>() : std::string();
        };
        if (out.codes.size() < 8) out.codes.push_back(printable(text("code"), 64));
        if (!out.text.empty()) out.text += "; ";
        out.text += text("code") + (text("message").empty() ? "" : ": " + text("message"));
      }
      return out;
    }
  } catch (const Error&) {
    // not the specified form: shown as it came
  }
  if (body.find('<') != 0) out.text = trim(body);  // a web page tells nobody anything here
  return out;
}

}  // namespace

void ExcerptSink::write(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  if (text_.size() < kKeptBytes) text_.append(as_text(bytes).substr(0, kKeptBytes - text_.size()));
  if (size_ > kReadBytes) throw Enough{};
}

RegistryError registry_error(std::string_view what, const ResponseHead& head, std::string_view body, Nanoseconds now) {
  Said said = read_body(body);
  std::string message = fmt::format("{}: {}{}", what, head.status, reason_of(head.status));
  if (!said.text.empty()) message += ": " + printable(said.text, kShownBytes);
  RegistryError error(kind_of(head.status), std::move(message), head.status, std::move(said.codes));
  if (auto after = head.headers.find("Retry-After")) error.retry_after = find_retry_after(*after, now);
  return error;
}

}  // namespace imgb
