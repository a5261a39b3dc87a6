#include "registry/server/service.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/text.h"
#include "core/oci/image_config.h"
#include "registry/server/page.h"
#include "registry/server/refusal.h"
#include "registry/url.h"

namespace imgb::server {
namespace {

using Json = nlohmann::ordered_json;

/// Its script and its style are within it, and it talks to nobody else.
Reply page() {
  return text_reply("text/html; charset=utf-8", std::string(page_html()))
      .with("Content-Security-Policy",
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
      .with("Referrer-Policy", "no-referrer");
}

bool reads(const std::string& method) { return method == "GET" || method == "HEAD"; }

std::string_view allowed_methods(const Route& route, bool writable) {
  if (std::holds_alternative<route::Uploads>(route)) return writable ? "POST" : "";
  if (std::holds_alternative<route::Upload>(route)) return writable ? "GET, HEAD, PATCH, PUT, DELETE" : "";
  if (writable && std::holds_alternative<route::Manifest>(route)) return "GET, HEAD, PUT, DELETE";
  if (writable && std::holds_alternative<route::Blob>(route)) return "GET, HEAD, DELETE";
  return "GET, HEAD";
}

Reply not_allowed(std::string_view allowed, std::string_view why) {
  return error_reply(405, "UNSUPPORTED", why).with("Allow", std::string(allowed));
}

Reply json_reply(const Json& body) {
  return text_reply("application/json", body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

/// Spec: RFC 5988 as distribution-spec 1.1 uses it.
void link_next(Reply& reply, const Page& page, const std::string& path, const route::Pages& pages,
               const std::string& ns = "") {
  if (!page.more) return;
  std::string target = fmt::format("{}?n={}&last={}", path, std::min(pages.n.value_or(kMaxPage), kMaxPage),
                                   percent_encode(page.names.back()));
  if (!ns.empty()) target += "&ns=" + percent_encode(ns);
  reply.with("Link", fmt::format("<{}>; rel=\"next\"", target));
}

Reply unknown_repository(const Repository& repository) {
  return error_reply(404, "NAME_UNKNOWN", fmt::format("there is no repository {}", repository.asked));
}

}  // namespace

Service::Service(Catalog& catalog) : catalog_(catalog), manifests_(catalog), verifier_(catalog) {
  if (CatalogWriter* writer = catalog.writer()) receiver_.emplace(*writer);
}
Service::~Service() = default;

Gate::Access Service::look(const RequestHead& head, const Route& route) const {
  return std::holds_alternative<route::Health>(route) ? Gate::Access::granted : gate_.look(head.headers);
}

Reply Service::unauthorized() {
  return error_reply(401, "UNAUTHORIZED", "this registry wants a user and a password")
      .with("WWW-Authenticate", "Basic realm=\"imgb\", charset=\"UTF-8\"");
}

Service::Step Service::begin(const RequestHead& head, const Route& route) {
  if (const auto* bad = std::get_if<BadRoute>(&route)) return error_reply(bad->status, bad->code, bad->message);
  if (reads(head.method))
    if (auto step = read(head, route)) return *std::move(step);
  if (receiver_)
    if (auto step = receive(head, route)) return *std::move(step);
  return not_allowed(allowed_methods(route, receiver_.has_value()),
                     receiver_ ? "this is not done here" : "this registry is read-only");
}

std::optional<Service::Step> Service::read(const RequestHead& head, const Route& route) {
  auto later = [](auto answer) { return Step(std::make_unique<LateAnswer>(std::move(answer))); };
  if (std::get_if<route::Base>(&route)) return text_reply("application/json", "{}\n");
  if (std::get_if<route::Health>(&route)) return text_reply("text/plain", "ok\n");
  if (std::get_if<route::Metrics>(&route)) return metrics_page();
  if (std::get_if<route::Page>(&route)) return page();
  if (const auto* asked = std::get_if<route::Manifest>(&route)) return manifest_step(head, *asked);
  if (const auto* asked = std::get_if<route::Blob>(&route)) return blob_step(head, *asked);
  if (const auto* asked = std::get_if<route::Tags>(&route)) return later([this, a = *asked] { return tags(a); });
  if (const auto* asked = std::get_if<route::Repositories>(&route))
    return later([this, a = *asked] { return repositories(a); });
  if (const auto* asked = std::get_if<route::LayerFiles>(&route))
    return std::make_unique<LateAnswer>([this, a = *asked] { return layer_files(a); }, true);
  if (const auto* asked = std::get_if<route::Referrers>(&route))
    return later([this, a = *asked] { return referrers(a); });
  return std::nullopt;
}

std::optional<Service::Step> Service::receive(const RequestHead& head, const Route& route) {
  auto step = [](std::unique_ptr<Work> work) { return work ? std::optional<Step>(std::move(work)) : std::nullopt; };
  std::string user = gate_.user(head.headers);
  if (const auto* asked = std::get_if<route::Uploads>(&route)) return step(receiver_->uploads(head, *asked, user));
  if (const auto* asked = std::get_if<route::Upload>(&route)) return step(receiver_->upload(head, *asked, user));
  if (const auto* asked = std::get_if<route::Manifest>(&route)) {
    if (head.method == "PUT") return step(receiver_->put_manifest(head, *asked));
    if (head.method == "DELETE")
      return step(
          std::make_unique<LateAnswer>([this, a = *asked] { return receiver_->remove_manifest(a, *contents()); }));
  }
  if (const auto* asked = std::get_if<route::Blob>(&route); asked && head.method == "DELETE")
    return step(std::make_unique<LateAnswer>([this, a = *asked] { return receiver_->remove_blob(a); }));
  return std::nullopt;
}

void Service::tend() {
  if (receiver_) receiver_->tend();
}

Reply Service::metrics_page() const {
  Verifier::Counts checked = verifier_.counts();
  return text_reply("text/plain; version=0.0.4", metrics_.render({.connections = metrics_.connections,
                                                                  .uploads = receiver_ ? receiver_->upload_count() : 0,
                                                                  .good_blobs = checked.good,
                                                                  .bad_blobs = checked.bad,
                                                                  .checked_bytes = checked.bytes}));
}

Reply Service::reply_for(const std::exception& failure) {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&failure)) return refusal->reply();
  const auto* error = dynamic_cast<const Error*>(&failure);
  if (!error) return error_reply(500, "UNKNOWN", "the registry failed");
  if (const auto* system = dynamic_cast<const SystemError*>(error);
      system && (system->errno_value() == ENOSPC || system->errno_value() == EDQUOT || system->errno_value() == EFBIG))
    return error_reply(507, "UNKNOWN", "the registry's disk is full");
  switch (error->kind()) {
    case ErrorKind::corrupt:
      return error_reply(500, "UNKNOWN", error->message());
    case ErrorKind::unavailable:
      return error_reply(503, "UNKNOWN", error->message());
    default:
      return error_reply(500, "UNKNOWN", "the registry failed; its log says how");
  }
}

std::shared_ptr<const Contents> Service::contents() {
  auto index = catalog_.index();
  auto known = made_.with([&](const Made& made) { return made.from == index ? made.contents : nullptr; });
  if (known) return known;
  auto made = std::make_shared<const Contents>(contents_of(*index, catalog_.own_name(), [&](const Digest& digest) {
    try {
      auto manifest = manifests_.find(digest);
      return manifest ? manifest->children : std::vector<Digest>();
    } catch (const Error&) {
      return std::vector<Digest>();  // damaged: said when it is asked for
    }
  }));
  made_.with([&](Made& slot) { slot = {index, made}; });
  return made;
}

Reply Service::manifest(const RequestHead& head, const route::Manifest& asked) {
  auto all = contents();
  const auto* tag = std::get_if<std::string>(&asked.which);
  const Descriptor* named = tag ? all->find(asked.repository.name, *tag) : nullptr;
  const Digest* digest = tag ? (named ? &named->digest : nullptr) : &std::get<Digest>(asked.which);
  bool is_here = digest && (tag || all->holds(asked.repository.name, *digest));
  auto found = is_here ? manifests_.find(*digest) : nullptr;
  if (!found) {
    if (!all->has(asked.repository.name)) return unknown_repository(asked.repository);
    return error_reply(404, "MANIFEST_UNKNOWN",
                       fmt::format("{} has no manifest {}", asked.repository.asked, tag ? *tag : digest->str()));
  }
  std::string etag = '"' + digest->str() + '"';
  ContentAnswer answer = answer_content({etag, found->bytes.size()}, head.headers);
  Reply reply{.status = answer.status};
  reply.with("Docker-Content-Digest", digest->str()).with("ETag", etag);
  if (answer.status == 412 || answer.status == 304) return reply;
  if (!answer.content_range.empty()) reply.with("Content-Range", answer.content_range);
  reply.with("Content-Type", found->descriptor.media_type);
  reply.body = found->bytes.substr(answer.first, answer.length);
  return reply;
}

Service::Step Service::manifest_step(const RequestHead& head, const route::Manifest& asked) {
  const std::string& repository = asked.repository.name;
  if (!upstream_ || !upstream_->covers(repository)) return manifest(head, asked);
  const auto* tag = std::get_if<std::string>(&asked.which);
  const auto* digest = std::get_if<Digest>(&asked.which);
  if (tag && upstream_->is_fresh(repository, *tag)) return manifest(head, asked);
  if (digest && contents()->holds(repository, *digest) && catalog_.find_blob(*digest)) return manifest(head, asked);
  return std::make_unique<LateAnswer>([this, head, asked] { return brought_manifest(head, asked); }, true);
}

/// What is here counts when the other registry says nothing; when it says that there is none, that is said.
Reply Service::brought_manifest(const RequestHead& head, const route::Manifest& asked) {
  std::exception_ptr failure;
  try {
    upstream_->bring_manifest(asked.repository.name, asked.which);
  } catch (const Error& e) {
    bool is_answer = e.kind() == ErrorKind::not_found || e.kind() == ErrorKind::denied;
    if (!is_answer) failure = std::current_exception();
  }
  Reply reply = manifest(head, asked);
  if (reply.status == 404 && failure) std::rethrow_exception(failure);
  return reply;
}

std::optional<Descriptor> Service::find_blob_of(const std::string& repository, const Digest& digest) {
  auto all = contents();
  for (const auto& [manifest, _] : all->manifests) {
    if (!all->holds(repository, manifest)) continue;
    auto read = manifests_.find(manifest);
    if (!read) continue;
    for (const Descriptor& blob : read->blobs)
      if (blob.digest == digest) return blob;
  }
  return std::nullopt;
}

/// A blob of an image that came through here.
Reply Service::brought_blob(const RequestHead& head, const route::Blob& asked) {
  auto wanted = find_blob_of(asked.repository.name, asked.digest);
  if (!wanted) return blob(head, asked);
  if (head.method == "HEAD") return blob_reply(head, asked.digest, {{}, 0, wanted->size_bytes, {}}, nullptr);
  try {
    auto arriving = upstream_->bring_blob(asked.repository.name, *wanted);
    if (!arriving) return blob(head, asked);
    return blob_reply(head, asked.digest, std::move(arriving->file), std::move(arriving->flight));
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::not_found || e.kind() == ErrorKind::denied) return blob(head, asked);
    throw;
  }
}

Reply Service::blob(const RequestHead& head, const route::Blob& asked) {
  auto found = catalog_.find_blob(asked.digest);
  if (!found) return error_reply(404, "BLOB_UNKNOWN", fmt::format("there is no blob {}", asked.digest.str()));
  // HEAD does not wait for what it does not send.
  auto flight = head.method == "GET" ? verifier_.check(asked.digest, *found) : nullptr;
  return blob_reply(head, asked.digest, *std::move(found), std::move(flight));
}

Reply Service::blob_reply(const RequestHead& head, const Digest& digest, BlobFile file,
                          std::shared_ptr<Flight> flight) const {
  std::string etag = '"' + digest.str() + '"';
  ContentAnswer answer = answer_content({etag, file.size_bytes}, head.headers);
  Reply reply{.status = answer.status};
  reply.with("Docker-Content-Digest", digest.str()).with("ETag", etag);
  if (answer.status == 412 || answer.status == 304) return reply;
  reply.with("Accept-Ranges", "bytes").with("Cache-Control", "max-age=31536000, immutable");
  reply.with("Content-Type", "application/octet-stream");
  if (!answer.content_range.empty()) reply.with("Content-Range", answer.content_range);
  reply.blob = BlobBody{std::move(file), answer.first, answer.length, std::move(flight), digest};
  return reply;
}

/// Who hears that a blob is here does not send it: then it must stay.
Service::Step Service::blob_step(const RequestHead& head, const route::Blob& asked) {
  if (upstream_ && upstream_->covers(asked.repository.name) && !catalog_.find_blob(asked.digest))
    return std::make_unique<LateAnswer>([this, head, asked] { return brought_blob(head, asked); }, true);
  if (!receiver_ || head.method != "HEAD") return blob(head, asked);
  return std::make_unique<LateAnswer>([this, head, asked] {
    catalog_.writer()->hold(asked.digest);
    return blob(head, asked);
  });
}

Reply Service::repositories(const route::Repositories& asked) {
  std::map<std::string, bool> names;
  for (const auto& [whole, tags] : contents()->repositories) {
    std::size_t slash = whole.find('/');
    if (auto name = served_name(whole.substr(0, slash), whole.substr(slash + 1))) names.emplace(*name, true);
  }
  Page page = page_of(names, asked.pages);
  Reply reply = json_reply({{"repositories", page.names}});
  link_next(reply, page, "/v2/_catalog", asked.pages);
  return reply;
}

Reply Service::tags(const route::Tags& asked) {
  auto all = contents();
  auto found = all->repositories.find(asked.repository.name);
  if (found == all->repositories.end()) return unknown_repository(asked.repository);
  Page page = page_of(found->second, asked.pages);
  Reply reply = json_reply({{"name", asked.repository.asked}, {"tags", page.names}});
  link_next(reply, page, "/v2/" + asked.repository.asked + "/tags/list", asked.pages, asked.repository.ns);
  return reply;
}

/// With the DiffId that the image's config gives it.
std::optional<Layer> Service::find_layer_of(const ServedManifest& image, const Digest& digest) const {
  if (image.blobs.empty()) return std::nullopt;
  std::span<const Descriptor> layers(image.blobs.data(), image.blobs.size() - 1);  // the config is the last
  auto found = std::ranges::find(layers, digest, &Descriptor::digest);
  auto config = found == layers.end() ? std::nullopt : catalog_.find_blob(image.blobs.back().digest);
  if (!config) return std::nullopt;
  auto read = parse_image_config(read_verified(*config, image.blobs.back().digest, kMaxManifestBytes));
  return layers_of(image.descriptor.digest, layers, read)[static_cast<std::size_t>(found - layers.begin())];
}

Reply Service::layer_files(const route::LayerFiles& asked) {
  auto all = contents();
  auto blob = catalog_.find_blob(asked.digest);
  for (const auto& [digest, _] : all->manifests) {
    auto image = blob && list_files_ && all->holds(asked.repository.name, digest) ? manifests_.find(digest) : nullptr;
    auto layer = image ? find_layer_of(*image, asked.digest) : std::nullopt;
    if (layer) return text_reply("application/json", list_files_(*layer, *blob));
  }
  return error_reply(404, "BLOB_UNKNOWN", fmt::format("the files of {} are not known here", asked.digest.str()));
}

Reply Service::referrers(const route::Referrers& asked) {
  auto all = contents();
  Index list{.media_type = std::string(media_type::kOciIndex)};
  for (const auto& [digest, _] : all->manifests) {
    if (!all->holds(asked.repository.name, digest)) continue;
    auto manifest = manifests_.find(digest);
    if (!manifest || manifest->subject != asked.subject) continue;
    if (asked.artifact_type.empty() || manifest->descriptor.artifact_type == asked.artifact_type)
      list.manifests.push_back(manifest->descriptor);
  }
  Reply reply = text_reply(media_type::kOciIndex, render(list));
  if (!asked.artifact_type.empty()) reply.with("OCI-Filters-Applied", "artifactType");
  return reply;
}

}  // namespace imgb::server
