#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "core/oci/json.h"
#include "registry/client.h"
#include "registry/http_fields.h"
#include "registry/registry_error.h"
#include "registry/requests.h"

namespace imgb {
namespace {

constexpr int kMaxPages = 1000;
constexpr std::size_t kTagsPerPage = 1000;

std::vector<std::string> parse_tags(const std::string& text) {
  nlohmann::json document = parse_json(text, kMaxManifestBytes, "list of tags");
  auto tags = document.is_object() ? document.find("tags") : document.end();
  if (!document.is_object() || (tags != document.end() && !tags->is_array() && !tags->is_null()))
    throw_error(ErrorKind::corrupt, "the list of tags is none");
  std::vector<std::string> found;
  if (tags == document.end() || tags->is_null()) return found;
  for (const auto& tag : *tags)
    if (tag.is_string()) found.push_back(tag.get<std::string>());
  return found;
}

bool says_unsupported(const RegistryError& error, const Reference& name) {
  for (const std::string& code : error.codes()) {
    if (code == "UNSUPPORTED") return true;
    if (code == "DIGEST_INVALID" && !name.digest()) return true;  // it took the tag for one
  }
  return error.status() == 405 || error.status() == 501;
}

}  // namespace

RegistryClient::Answer RegistryClient::get_text(const Endpoint& endpoint, const Session::Call& call, Activity* activity,
                                                const std::stop_token& stop) {
  Answer answer;
  retrier_.run(
      [&](int&) {
        DocumentBody body;
        answer.head = session_.send(
            endpoint, call, [&](const ResponseHead& head) -> Sink* { return body.expect(head); }, stop);
        answer.text = body.take();
      },
      stop, activity);
  return answer;
}

void RegistryClient::for_each_page(const Endpoint& endpoint, Session::Call call, Activity* activity,
                                   const std::stop_token& stop,
                                   const std::function<bool(const std::string& text)>& take) {
  for (int page = 0;; ++page) {
    Answer answer = get_text(endpoint, call, activity, stop);
    if (!take(answer.text)) return;
    auto next = find_next_page(answer.head.headers);
    if (!next) return;
    if (page == kMaxPages) throw_error(ErrorKind::unsupported, "the list has more than {} pages", kMaxPages);
    call.referral = Session::Referral{*next, answer.head.peer};
  }
}

RegistryClient::Tags RegistryClient::list_tags(const Reference& repository, std::size_t max, Activity* activity,
                                               std::stop_token stop) {
  Tags all;
  Session::Call call{"GET", fmt::format("/tags/list?n={}", std::min(max + 1, kTagsPerPage))};
  try_endpoints(repository, "tags of " + repository.name(), stop, [&](const Endpoint& endpoint) {
    all = {};
    for_each_page(endpoint, call, activity, stop, [&](const std::string& text) {
      for (std::string& tag : parse_tags(text)) {
        all.more = all.tags.size() == max;
        if (all.more) return false;
        all.tags.push_back(std::move(tag));
      }
      return true;
    });
  });
  return all;
}

void RegistryClient::delete_manifest(const Reference& name, Activity* activity, std::stop_token stop) {
  Endpoint endpoint = endpoints_for(name, settings_.registries()).back();
  Session::Call call{.method = "DELETE", .path = manifest_path(name), .actions = "pull,delete"};
  in_context([&] { return "delete " + name.familiar(); },
             [&] {
               try {
                 retrier_.run([&](int&) { session_.send(endpoint, call, no_body(), stop); }, stop, activity);
               } catch (const RegistryError& error) {
                 if (!says_unsupported(error, name)) throw;
                 if (!name.digest())
                   throw_error(ErrorKind::unsupported, "{} does not allow it by tag, perhaps by digest",
                               endpoint.authority);
                 throw Error(ErrorKind::unsupported, fmt::format("{} does not allow it", endpoint.authority))
                     .set_hint("its operator has to turn deletion on");
               }
             });
}

}  // namespace imgb
