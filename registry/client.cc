#include "registry/client.h"

#include "core/base/text.h"
#include "registry/blob_download.h"
#include "registry/registry_error.h"
#include "registry/requests.h"
#include "registry/sink_landing.h"

namespace imgb {
namespace {

constexpr int kMirrorAttempts = 2;  // there is another place to ask

/// The declared type, when it says anything: some servers send every file as text/plain or octet-stream.
std::string declared_type(const ResponseHead& head) {
  std::string_view value = head.headers.find("Content-Type").value_or("");
  std::string type = lower_ascii(trim(value.substr(0, value.find(';'))));
  return type.starts_with("application/vnd.") ? type : "";
}

std::string type_of(const std::variant<Manifest, Index>& content) {
  return std::visit([](const auto& value) { return value.media_type; }, content);
}

/// A login page of a network, or a web server where a registry was meant.
void refuse_web_page(std::string_view bytes, const ResponseHead& head) {
  std::string type = lower_ascii(head.headers.find("Content-Type").value_or(""));
  if (type.find("html") == std::string::npos || !trim(bytes).starts_with('<')) return;
  throw Error(ErrorKind::unavailable, "a web page came where a manifest was asked for")
      .set_hint("is this a registry? A proxy or the login page of a network may answer in its place");
}

FetchedManifest check_answer(std::string bytes, const ResponseHead& head, const std::optional<Digest>& pinned) {
  refuse_web_page(bytes, head);
  Digest digest = Digest::of(bytes);
  if (pinned && pinned->algorithm() != DigestAlgorithm::sha256) {
    Hasher hasher(pinned->algorithm());
    hasher.update(bytes);
    digest = hasher.finish();
  }
  if (pinned && digest != *pinned) {
    throw_error(ErrorKind::corrupt, "got manifest {} ({} bytes), want {}", digest.str(), bytes.size(), pinned->str());
  }
  auto content = parse_manifest(bytes, declared_type(head));
  Descriptor descriptor{type_of(content), digest, bytes.size(), {}, {}, {}};
  return {std::move(descriptor), std::move(bytes), std::move(content)};
}

std::string blob_of(const Descriptor& blob, const Reference& repository) {
  return fmt::format("blob {} of {}", blob.digest.str(), repository.familiar());
}

/// Whether something else may be asked after this failure: not when it is ours or the user's.
bool may_try_next(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::not_found:
    case ErrorKind::denied:
    case ErrorKind::corrupt:
    case ErrorKind::unavailable:
    case ErrorKind::unsupported:
      return true;
    default:
      return false;
  }
}

bool was_unreachable(const Error& error) {
  auto* transport = dynamic_cast<const TransportError*>(&error);
  return transport &&
         (transport->failure() == TransportFailure::resolve || transport->failure() == TransportFailure::connect);
}

}  // namespace

RegistryClient::RegistryClient(HttpTransport& transport, RegistrySettings& settings, Retrier retrier)
    : settings_(settings),
      retrier_(std::move(retrier)),
      authorizer_(transport, settings),
      session_(transport, settings, authorizer_) {}

void RegistryClient::try_endpoints(const Reference& name, const std::string& what, const std::stop_token& stop,
                                   const std::function<void(const Endpoint&)>& ask) {
  std::string tried;
  for (const Endpoint& endpoint : endpoints_for(name, settings_.registries())) {
    throw_if_stopped(stop);
    bool known_dead = unreachable_.with([&](auto& dead) { return dead.contains(endpoint.authority); });
    if (endpoint.mirror && known_dead) continue;
    try {
      return ask(endpoint);
    } catch (Error& error) {
      if (!endpoint.mirror || !may_try_next(error)) {
        error.add_frame(tried.empty() ? what : fmt::format("{} (tried first: {})", what, tried));
        throw;
      }
      if (was_unreachable(error)) unreachable_.with([&](auto& dead) { dead.insert(endpoint.authority); });
      tried += fmt::format("{}mirror {}: {}", tried.empty() ? "" : "; ", endpoint.authority, error.what());
    }
  }
}

FetchedManifest RegistryClient::get_manifest(const Reference& name, std::stop_token stop, Activity* activity) {
  Session::Call call{"GET", manifest_path(name), {{"Accept", accepted_manifest_types()}}};
  std::optional<FetchedManifest> found;
  auto attempt = [&](const Endpoint& endpoint) {
    DocumentBody body;
    auto look = [&](const ResponseHead& head) -> Sink* { return body.expect(head); };
    ResponseHead head = session_.send(endpoint, call, look, stop);
    found = in_context([&] { return fmt::format("manifest from {}", endpoint.name()); },
                       [&] { return check_answer(body.take(), head, name.digest()); });
  };
  try_endpoints(name, name.familiar(), stop, [&](const Endpoint& endpoint) {
    Retrier retrier = endpoint.mirror ? retrier_.with_attempts(kMirrorAttempts) : retrier_;
    retrier.run([&](int&) { attempt(endpoint); }, stop, activity);
  });
  return std::move(*found);
}

std::optional<Descriptor> RegistryClient::find_manifest(const Reference& name, std::stop_token stop) {
  Session::Call call{"HEAD", manifest_path(name), {{"Accept", accepted_manifest_types()}}};
  std::optional<Descriptor> found;
  try {
    try_endpoints(name, name.familiar(), stop, [&](const Endpoint& endpoint) {
      ResponseHead head = session_.send(endpoint, call, no_body(), stop);
      auto digest = Digest::find(head.headers.find("Docker-Content-Digest").value_or(""));
      auto size = find_unsigned(head.headers.find("Content-Length").value_or(""));
      if (digest && size) found = Descriptor{declared_type(head), *digest, *size, {}, {}, {}};
    });
  } catch (const Error& error) {
    if (!may_try_next(error)) throw;
  }
  return found;
}

void RegistryClient::download(const Reference& repository, BlobDownload& blob, const std::string& what,
                              Activity* activity, const std::stop_token& stop) {
  if (blob.complete()) return;
  try_endpoints(repository, what, stop, [&](const Endpoint& endpoint) {
    in_context([&] { return "from " + endpoint.name(); },
               [&] {
                 Retrier retrier = endpoint.mirror ? retrier_.with_attempts(kMirrorAttempts) : retrier_;
                 retrier.run([&](int& attempt) { blob.attempt(session_, endpoint, attempt, stop); }, stop, activity);
               });
  });
}

void RegistryClient::fetch_blob(const Reference& repository, const Descriptor& blob, BlobStore& store, BlobTap* tap,
                                Activity* activity, std::stop_token stop) {
  throw_if_stopped(stop);
  BlobDownload transfer(blob, store, tap, activity);
  download(repository, transfer, blob_of(blob, repository), activity, stop);
  transfer.finish([&] { return store.open(blob.digest); });
}

void RegistryClient::land_blob(const Reference& repository, const Descriptor& blob, BlobLanding& into,
                               Activity* activity, std::stop_token stop) {
  throw_if_stopped(stop);
  BlobDownload transfer(blob, into, nullptr, activity);
  download(repository, transfer, blob_of(blob, repository), activity, stop);
  transfer.finish();
}

void RegistryClient::stream_blob(const Reference& repository, const Descriptor& blob, std::uint64_t from_bytes,
                                 Sink& sink, Activity* activity, std::stop_token stop) {
  SinkLanding landing(sink, from_bytes);
  BlobDownload transfer(blob, landing, nullptr, nullptr);
  download(repository, transfer, blob_of(blob, repository), activity, stop);
}

}  // namespace imgb
