#include "tests/support/fake_registry.h"

#include <map>
#include <mutex>

#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"
#include "registry/url.h"

namespace imgb {
namespace {

FakeReply error_reply(int status, const std::string& code) {
  return {
      status, {{"Content-Type", "application/json"}}, R"({"errors":[{"code":")" + code + R"(","message":"fake"}]})"};
}

}  // namespace

struct FakeRegistry::State {
  explicit State(Options wanted) : options(std::move(wanted)) {}

  FakeReply route(const FakeRequest& request);
  FakeReply file(const FakeRequest& request);
  FakeReply token(const FakeRequest& request);
  FakeReply registry(const FakeRequest& request);
  FakeReply blob(const FakeRequest& request, const std::string& digest);
  FakeReply manifest(const FakeRequest& request, const std::string& repository, const std::string& reference);
  FakeReply upload(const FakeRequest& request, const std::string& repository, const std::string& id);
  FakeReply store_upload(const std::string& repository, const std::string& bytes, const std::string& digest);
  bool is_authorized(const FakeRequest& request, const std::string& repository);
  FakeReply challenge() const;

  Options options;
  std::mutex mutex;
  std::map<std::string, std::string> blobs, uploads;
  std::map<std::string, FakeReply> manifests, files;  // by "repository@reference"; by path
  std::map<std::string, std::string> tokens;          // token -> scope
  int counter = 0;
  FakeServer server{options.address, options.tls,
                    [this](const FakeRequest& request) { return route(request); }};  // last
};

FakeReply FakeRegistry::State::route(const FakeRequest& request) {
  if (request.path() == "/token") return token(request);
  if (request.path().starts_with("/v2/")) return registry(request);
  return file(request);
}

FakeReply FakeRegistry::State::file(const FakeRequest& request) {
  std::lock_guard hold(mutex);
  auto found = files.find(request.path());
  if (found == files.end()) return error_reply(404, "NOT_FOUND");
  auto etag = found->second.headers.find("ETag");
  if (etag && request.header("If-None-Match") == *etag) return {304, found->second.headers, ""};
  return found->second;
}

FakeReply FakeRegistry::State::token(const FakeRequest& request) {
  std::string authorization = request.header("Authorization");
  bool good = authorization == "Basic " + encode_base64(options.user + ":" + options.password);
  if (request.method == "POST") {
    good = !options.identity_token.empty() &&
           request.body.find("refresh_token=" + percent_encode(options.identity_token)) != std::string::npos;
  }
  bool anonymous = authorization.empty() && request.method == "GET" && options.anonymous_tokens;
  if (!good && !anonymous) return error_reply(401, "UNAUTHORIZED");
  std::string scope = request.query("scope");
  for (std::string_view pair : split(request.body, '&')) {
    if (pair.starts_with("scope=")) scope = percent_decode(pair.substr(6)).value_or("");
  }
  std::lock_guard hold(mutex);
  std::string text = fmt::format("token-{}", ++counter);
  tokens[text] = scope;
  return {200, {{"Content-Type", "application/json"}}, R"({"token":")" + text + R"(","expires_in":300})"};
}

bool FakeRegistry::State::is_authorized(const FakeRequest& request, const std::string& repository) {
  std::string authorization = request.header("Authorization");
  switch (options.auth) {
    case Auth::none:
      return true;
    case Auth::basic:
      return authorization == "Basic " + encode_base64(options.user + ":" + options.password);
    case Auth::bearer: {
      if (!authorization.starts_with("Bearer ")) return false;
      std::lock_guard hold(mutex);
      auto token = tokens.find(authorization.substr(7));
      return token != tokens.end() &&
             (repository.empty() || token->second.starts_with("repository:" + repository + ":"));
    }
  }
  return false;
}

FakeReply FakeRegistry::State::challenge() const {
  FakeReply reply = error_reply(401, "UNAUTHORIZED");
  std::string realm = options.realm.empty() ? server.base() + "/token" : options.realm;
  reply.headers.set("WWW-Authenticate", options.auth == Auth::basic
                                            ? "Basic realm=\"fake\""
                                            : fmt::format("Bearer realm=\"{}\",service=\"fake\"", realm));
  return reply;
}

FakeReply FakeRegistry::State::registry(const FakeRequest& request) {
  std::string path = request.path().substr(3);  // "/<repository>/blobs/<digest>" and so on
  if (path == "/") return is_authorized(request, "") ? FakeReply{200, {}, "{}"} : challenge();
  for (std::string_view verb : {"/manifests/", "/blobs/uploads/", "/blobs/"}) {
    std::size_t at = path.rfind(verb);
    if (at == std::string::npos || at == 0) continue;
    std::string repository = path.substr(1, at - 1), rest = path.substr(at + verb.size());
    if (!is_authorized(request, repository)) return challenge();
    if (verb == "/manifests/") return manifest(request, repository, rest);
    return verb == "/blobs/" ? blob(request, rest) : upload(request, repository, rest);
  }
  return error_reply(404, "NAME_UNKNOWN");
}

FakeReply FakeRegistry::State::blob(const FakeRequest&, const std::string& digest) {
  std::lock_guard hold(mutex);
  auto found = blobs.find(digest);
  if (found == blobs.end()) return error_reply(404, "BLOB_UNKNOWN");
  return {200, {{"Content-Type", "application/octet-stream"}, {"Docker-Content-Digest", digest}}, found->second};
}

FakeReply FakeRegistry::State::manifest(const FakeRequest& request, const std::string& repository,
                                        const std::string& reference) {
  std::lock_guard hold(mutex);
  if (request.method == "PUT") {
    std::string digest = Digest::of(request.body).str();
    FakeReply stored{
        200, {{"Content-Type", request.header("Content-Type")}, {"Docker-Content-Digest", digest}}, request.body};
    manifests[repository + "@" + reference] = manifests[repository + "@" + digest] = stored;
    return {201, {{"Location", "/v2/" + repository + "/manifests/" + digest}, {"Docker-Content-Digest", digest}}, ""};
  }
  auto found = manifests.find(repository + "@" + reference);
  return found == manifests.end() ? error_reply(404, "MANIFEST_UNKNOWN") : found->second;
}

FakeReply FakeRegistry::State::store_upload(const std::string& repository, const std::string& bytes,
                                            const std::string& digest) {
  auto wanted = Digest::find(digest);
  if (!wanted || Digest::of(bytes) != *wanted) return error_reply(400, "DIGEST_INVALID");
  blobs[digest] = bytes;
  return {201, {{"Location", "/v2/" + repository + "/blobs/" + digest}, {"Docker-Content-Digest", digest}}, ""};
}

FakeReply FakeRegistry::State::upload(const FakeRequest& request, const std::string& repository,
                                      const std::string& id) {
  std::lock_guard hold(mutex);
  std::string digest = request.query("digest");
  if (request.method == "POST") {
    std::string mount = request.query("mount");
    if (!mount.empty() && blobs.contains(mount)) return store_upload(repository, blobs[mount], mount);
    if (!digest.empty()) return store_upload(repository, request.body, digest);
    std::string fresh = fmt::format("upload-{}", ++counter);
    uploads[fresh] = "";
    return {202, {{"Location", "/v2/" + repository + "/blobs/uploads/" + fresh}, {"Range", "0-0"}}, ""};
  }
  auto found = uploads.find(id);
  if (found == uploads.end()) return error_reply(404, "BLOB_UPLOAD_UNKNOWN");
  std::string range = request.header("Content-Range");
  if (!range.empty() && find_unsigned(range.substr(0, range.find('-'))) != found->second.size())
    return error_reply(416, "BLOB_UPLOAD_INVALID");
  found->second += request.body;
  if (request.method == "PUT") {
    std::string bytes = std::move(found->second);
    uploads.erase(found);
    return store_upload(repository, bytes, digest);
  }
  std::size_t size = found->second.size();
  return {request.method == "PATCH" ? 202 : 204,
          {{"Location", "/v2/" + repository + "/blobs/uploads/" + id},
           {"Range", fmt::format("0-{}", size == 0 ? 0 : size - 1)}},
          ""};
}

FakeRegistry::FakeRegistry(Options options) : state_(std::make_unique<State>(std::move(options))) {}
FakeRegistry::~FakeRegistry() = default;

std::string FakeRegistry::host() const { return state_->server.authority(); }
std::uint16_t FakeRegistry::port() const { return state_->server.port(); }
std::string FakeRegistry::url(std::string_view target) const { return state_->server.base() + std::string(target); }
std::string FakeRegistry::ca_file() const { return state_->server.ca_file(); }

Descriptor FakeRegistry::add_blob(std::string bytes, std::string media_type) {
  Descriptor out{std::move(media_type), Digest::of(bytes), bytes.size(), {}, {}, {}};
  std::lock_guard hold(state_->mutex);
  state_->blobs[out.digest.str()] = std::move(bytes);
  return out;
}

Descriptor FakeRegistry::add_manifest(const std::string& repository, const std::string& tag, std::string bytes,
                                      std::string media_type) {
  Descriptor out{media_type, Digest::of(bytes), bytes.size(), {}, {}, {}};
  FakeReply reply{
      200, {{"Content-Type", std::move(media_type)}, {"Docker-Content-Digest", out.digest.str()}}, std::move(bytes)};
  std::lock_guard hold(state_->mutex);
  if (!tag.empty()) state_->manifests[repository + "@" + tag] = reply;
  state_->manifests[repository + "@" + out.digest.str()] = std::move(reply);
  return out;
}

ImageConfig FakeRegistry::default_config() {
  ImageConfig config;
  config.platform = Platform::parse("linux/amd64");
  return config;
}

FakeRegistry::Image FakeRegistry::add_image(const std::string& repository, const std::string& tag,
                                            const std::vector<Layer>& layers, ImageConfig config) {
  config.diff_ids.clear();
  std::vector<Descriptor> descriptors;
  for (const Layer& layer : layers) {
    config.diff_ids.push_back(layer.diff_id);
    descriptors.push_back(add_blob(layer.blob, layer.media_type));
  }
  Manifest manifest{std::string(media_type::kOciManifest),
                    "",
                    add_blob(render(config), std::string(media_type::kOciConfig)),
                    descriptors,
                    {},
                    {}};
  Descriptor named = add_manifest(repository, tag, render(manifest), manifest.media_type);
  return {named, manifest.config, descriptors};
}

void FakeRegistry::add_file(const std::string& path, FakeReply reply) {
  std::lock_guard hold(state_->mutex);
  state_->files[path] = std::move(reply);
}
void FakeRegistry::add_fault(FakeFault fault) { state_->server.add_fault(std::move(fault)); }
void FakeRegistry::clear_faults() { state_->server.clear_faults(); }

std::vector<FakeRequest> FakeRegistry::requests() const { return state_->server.requests(); }
std::size_t FakeRegistry::count(std::string_view method, std::string_view part_of_target) const {
  std::size_t out = 0;
  for (const FakeRequest& request : requests()) {
    out += request.method == method && request.target.find(part_of_target) != std::string::npos;
  }
  return out;
}
std::size_t FakeRegistry::connections() const { return state_->server.connections(); }
bool FakeRegistry::was_sent_credentials() const {
  for (const FakeRequest& request : requests()) {
    if (request.headers.find("Authorization") || request.headers.find("Cookie")) return true;
  }
  return false;
}
void FakeRegistry::forget_requests() { state_->server.forget_requests(); }
void FakeRegistry::forget_tokens() {
  std::lock_guard hold(state_->mutex);
  state_->tokens.clear();
}
std::optional<std::string> FakeRegistry::find_blob(const Digest& digest) const {
  std::lock_guard hold(state_->mutex);
  auto found = state_->blobs.find(digest.str());
  return found == state_->blobs.end() ? std::nullopt : std::optional(found->second);
}
std::optional<FakeReply> FakeRegistry::find_manifest(const std::string& repository,
                                                     const std::string& tag_or_digest) const {
  std::lock_guard hold(state_->mutex);
  auto found = state_->manifests.find(repository + "@" + tag_or_digest);
  return found == state_->manifests.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace imgb
