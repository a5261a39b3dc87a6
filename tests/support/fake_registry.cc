#include "tests/support/fake_registry.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"
#include "registry/auth_file.h"
#include "registry/url.h"
#include "tests/support/fake_socket.h"

namespace imgb {
namespace {

std::string reason(int status) { return status < 400 ? "OK" : "Error"; }

FakeReply error_reply(int status, const std::string& code) {
  return {
      status, {{"Content-Type", "application/json"}}, R"({"errors":[{"code":")" + code + R"(","message":"fake"}]})"};
}

bool fits(const FakeFault& fault, const FakeRequest& request) {
  return fault.times != 0 && (fault.method.empty() || fault.method == request.method) &&
         request.target.find(fault.path) != std::string::npos;
}

/// One request off the wire; nullopt when the connection ends. `buffer` keeps what came after it.
std::optional<FakeRequest> read_request(FakeSocket& socket, std::string& buffer) {
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    auto more = socket.read_some();
    if (!more) return std::nullopt;
    buffer += *more;
    if (buffer.starts_with('\x16')) {  // a TLS hello
      socket.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return std::nullopt;
    }
  }
  FakeRequest request;
  std::string head = buffer.substr(0, end);
  buffer.erase(0, end + 4);
  auto lines = split(head, '\n');
  auto words = split(trim(lines.front()), ' ');
  if (words.size() < 2) return std::nullopt;
  request.method = words[0];
  request.target = words[1];
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::size_t colon = lines[i].find(':');
    if (colon == std::string_view::npos) continue;
    request.headers.add(std::string(lines[i].substr(0, colon)), std::string(trim(lines[i].substr(colon + 1))));
  }
  std::size_t length = find_unsigned(request.header("Content-Length")).value_or(0);
  if (length > buffer.size() && request.header("Expect") == "100-continue") {
    socket.write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  while (buffer.size() < length) {
    auto more = socket.read_some();
    if (!more) return std::nullopt;
    buffer += *more;
  }
  request.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return request;
}

/// Range on a whole answer.
void apply_range(const FakeRequest& request, FakeReply& reply) {
  std::string range = request.header("Range");
  if (reply.status != 200 || !range.starts_with("bytes=")) return;
  std::string if_range = request.header("If-Range");
  if (!if_range.empty() && if_range != reply.headers.find("ETag").value_or("")) return;
  std::size_t dash = range.find('-');
  std::uint64_t size = reply.body.size();
  std::uint64_t first = find_unsigned(range.substr(6, dash - 6)).value_or(0);
  std::uint64_t last = std::min(find_unsigned(range.substr(dash + 1)).value_or(size - 1), size - 1);
  if (first >= size) {
    reply = {416, {{"Content-Range", fmt::format("bytes */{}", size)}}, ""};
    return;
  }
  reply.status = 206;
  reply.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", first, last, size));
  reply.body = reply.body.substr(first, last - first + 1);
}

}  // namespace

std::string FakeRequest::query(std::string_view name) const {
  std::size_t mark = target.find('?');
  if (mark == std::string::npos) return "";
  for (std::string_view pair : split(std::string_view(target).substr(mark + 1), '&')) {
    std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == name && equals != std::string_view::npos) {
      return percent_decode(pair.substr(equals + 1)).value_or("");
    }
  }
  return "";
}

struct FakeRegistry::State {
  explicit State(Options wanted);
  ~State();

  void accept_all();
  void serve(int fd);
  bool respond(FakeSocket& socket, const FakeRequest& request);
  bool send(FakeSocket& socket, const FakeRequest& request, const FakeReply& reply, const FakeFault& fault);
  bool send_body(FakeSocket& socket, const std::string& body, const FakeFault& fault);
  FakeFault take_fault(const FakeRequest& request);
  bool pause(std::chrono::milliseconds time);  // false: the server ends

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
  std::string base() const { return (options.tls == Tls::none ? "http://" : "https://") + authority(); }
  std::string authority() const { return fmt::format("{}:{}", options.address, port); }

  Options options;
  std::uint16_t port = 0;
  int listener = -1;
  std::filesystem::path folder;
  SslContext tls;

  std::mutex mutex;
  std::condition_variable_any ending;
  bool stopping = false;
  std::set<int> connections;
  std::vector<FakeFault> faults;
  std::vector<FakeRequest> requests;
  std::map<std::string, std::string> blobs, uploads;
  std::map<std::string, FakeReply> manifests, files;  // by "repository@reference"; by path
  std::map<std::string, std::string> tokens;          // token -> scope
  int counter = 0;
  std::size_t accepted = 0;
  std::vector<std::jthread> threads;
  std::jthread acceptor;
};

FakeRegistry::State::State(Options wanted) : options(std::move(wanted)) {
  std::string name = (std::filesystem::temp_directory_path() / "fake-registry-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
  folder = name;
  if (options.tls != Tls::none) {
    tls = make_tls_context({options.tls == Tls::expired, options.tls == Tls::wrong_name, options.tls == Tls::only_1_1},
                           (folder / "ca.crt").string());
  }
  listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, options.address.c_str(), &address.sin_addr);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("fake registry cannot listen");
  }
  port = ntohs(address.sin_port);
  acceptor = std::jthread([this] { accept_all(); });
}

FakeRegistry::State::~State() {
  {
    std::lock_guard hold(mutex);
    stopping = true;
    for (int fd : connections) ::shutdown(fd, SHUT_RDWR);
  }
  ending.notify_all();
  ::shutdown(listener, SHUT_RDWR);
  acceptor.join();
  threads.clear();
  ::close(listener);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

void FakeRegistry::State::accept_all() {
  for (;;) {
    int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    std::lock_guard hold(mutex);
    if (stopping || fd < 0) {
      if (fd >= 0) ::close(fd);
      return;
    }
    connections.insert(fd);
    ++accepted;
    threads.emplace_back([this, fd] { serve(fd); });
  }
}

void FakeRegistry::State::serve(int fd) {
  sigset_t sigpipe;
  sigemptyset(&sigpipe);
  sigaddset(&sigpipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &sigpipe, nullptr);
  int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  auto forget = [&] {
    std::lock_guard hold(mutex);
    connections.erase(fd);
  };
  if (options.tls == Tls::cut_handshake) {
    char hello[16];
    (void)!::recv(fd, hello, sizeof hello, 0);
    forget();
    ::close(fd);
    return;
  }
  {
    FakeSocket socket(fd, tls.get());
    std::string buffer;
    if (socket.shake_hands()) {
      while (auto request = read_request(socket, buffer)) {
        if (!respond(socket, *request)) break;
      }
    }
    forget();
  }
}

FakeFault FakeRegistry::State::take_fault(const FakeRequest& request) {
  std::lock_guard hold(mutex);
  requests.push_back(request);
  for (FakeFault& fault : faults) {
    if (!fits(fault, request)) continue;
    if (fault.times > 0) --fault.times;
    return fault;
  }
  return {};
}

bool FakeRegistry::State::pause(std::chrono::milliseconds time) {
  std::unique_lock hold(mutex);
  return !ending.wait_for(hold, time, [&] { return stopping; });
}

bool FakeRegistry::State::respond(FakeSocket& socket, const FakeRequest& request) {
  FakeFault fault = take_fault(request);
  if (fault.silent) {
    pause(std::chrono::hours(1));
    return false;
  }
  if (fault.reset) return socket.reset(), false;
  if (fault.raw) return socket.write(*fault.raw), false;
  FakeReply reply = fault.status ? FakeReply{fault.status, {}, fault.body.value_or("")} : route(request);
  if (!fault.status && fault.body) reply.body = *fault.body;
  for (const auto& field : fault.headers.fields()) reply.headers.set(field.name, field.value);
  if (!fault.no_ranges && request.method == "GET" && !request.path().starts_with("/token")) {
    apply_range(request, reply);
  }
  if (fault.change) fault.change(reply);
  return send(socket, request, reply, fault);
}

bool FakeRegistry::State::send(FakeSocket& socket, const FakeRequest& request, const FakeReply& reply,
                               const FakeFault& fault) {
  bool chunked = fault.chunked || fault.endless_after;
  bool bodyless = request.method == "HEAD" || reply.status == 204 || reply.status == 304;
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
  for (const auto& field : reply.headers.fields()) head += field.name + ": " + field.value + "\r\n";
  if (chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!reply.headers.find("Content-Length") && reply.status != 204 && reply.status != 304) {
    head += fmt::format("Content-Length: {}\r\n", reply.body.size());
  }
  if (!socket.write(head + "\r\n")) return false;
  if (bodyless) return true;
  if (chunked) {
    std::string body = reply.body.substr(0, fault.endless_after.value_or(reply.body.size()));
    if (!body.empty() && !socket.write(fmt::format("{:x}\r\n{}\r\n", body.size(), body))) return false;
    if (!fault.endless_after) return socket.write("0\r\n\r\n");
    std::string zeros = fmt::format("{:x}\r\n{}\r\n", 65536, std::string(65536, '\0'));
    while (socket.write(zeros)) {
    }
    return false;
  }
  return send_body(socket, reply.body, fault);
}

bool FakeRegistry::State::send_body(FakeSocket& socket, const std::string& body, const FakeFault& fault) {
  if (fault.cut_at && *fault.cut_at < body.size()) {
    socket.write(std::string_view(body).substr(0, static_cast<std::size_t>(*fault.cut_at)));
    return false;
  }
  if (fault.byte_every.count() == 0) return socket.write(body);
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (!socket.write(std::string_view(body).substr(i, 1)) || !pause(fault.byte_every)) return false;
  }
  return true;
}

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
      return token != tokens.end() && token->second.starts_with("repository:" + repository + ":");
    }
  }
  return false;
}

FakeReply FakeRegistry::State::challenge() const {
  FakeReply reply = error_reply(401, "UNAUTHORIZED");
  std::string realm = options.realm.empty() ? base() + "/token" : options.realm;
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

std::string FakeRegistry::host() const { return state_->authority(); }
std::uint16_t FakeRegistry::port() const { return state_->port; }
std::string FakeRegistry::url(std::string_view target) const { return state_->base() + std::string(target); }
std::string FakeRegistry::ca_file() const { return (state_->folder / "ca.crt").string(); }

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
void FakeRegistry::add_fault(FakeFault fault) {
  std::lock_guard hold(state_->mutex);
  state_->faults.push_back(std::move(fault));
}
void FakeRegistry::clear_faults() {
  std::lock_guard hold(state_->mutex);
  state_->faults.clear();
}

std::vector<FakeRequest> FakeRegistry::requests() const {
  std::lock_guard hold(state_->mutex);
  return state_->requests;
}
std::size_t FakeRegistry::count(std::string_view method, std::string_view part_of_target) const {
  std::size_t out = 0;
  for (const FakeRequest& request : requests()) {
    out += request.method == method && request.target.find(part_of_target) != std::string::npos;
  }
  return out;
}
std::size_t FakeRegistry::connections() const {
  std::lock_guard hold(state_->mutex);
  return state_->accepted;
}
bool FakeRegistry::was_sent_credentials() const {
  for (const FakeRequest& request : requests()) {
    if (request.headers.find("Authorization") || request.headers.find("Cookie")) return true;
  }
  return false;
}
void FakeRegistry::forget_requests() {
  std::lock_guard hold(state_->mutex);
  state_->requests.clear();
}
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
