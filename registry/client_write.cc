#include "core/base/text.h"
#include "core/store/blob_places.h"
#include "registry/blob_upload.h"
#include "registry/client.h"
#include "registry/registry_error.h"
#include "registry/requests.h"

namespace imgb {
namespace {

/// Mirrors are for reading: what is written goes where the name says.
Endpoint home_of(const Reference& name, const RegistriesConf& conf) { return endpoints_for(name, conf).back(); }

bool has_blob(Session& session, const Endpoint& endpoint, const Digest& digest, const std::stop_token& stop) {
  Session::Call call{.method = "HEAD", .path = "/blobs/" + digest.str(), .actions = "pull,push"};
  try {
    return session.send(endpoint, call, no_body(), stop).status == 200;
  } catch (const RegistryError& error) {
    if (error.status() != 404) throw;
    return false;
  }
}

}  // namespace

BlobSent RegistryClient::push_blob(const Reference& repository, const Descriptor& blob, const BlobStore& store,
                                   const std::string& mount_from, Activity* activity, std::stop_token stop) {
  OpenBlob open = [&](std::uint64_t from_bytes) {
    auto source = store.open(blob.digest);
    skip_bytes(*source, from_bytes);  // read all the same: so the store checks them
    return source;
  };
  return push_blob(repository, blob, open, mount_from, activity, std::move(stop));
}

BlobSent RegistryClient::push_blob(const Reference& repository, const Descriptor& blob, const OpenBlob& open,
                                   const std::string& mount_from, Activity* activity, std::stop_token stop) {
  Endpoint endpoint = home_of(repository, settings_.registries());
  BlobUpload upload(blob, open, mount_from, activity);
  BlobSent how = BlobSent::present;
  auto attempt = [&](int& number) {
    // Also after a break: it may have been the answer that was lost.
    if (!has_blob(session_, endpoint, blob.digest, stop)) how = upload.attempt(session_, endpoint, number, stop);
  };
  in_context([&] { return fmt::format("blob {} to {}", blob.digest.str(), endpoint.name()); },
             [&] { retrier_.run(attempt, stop, activity); });
  return how;
}

bool RegistryClient::has_manifest(const Reference& name, const Digest& digest, Activity* activity,
                                  std::stop_token stop) {
  Endpoint endpoint = home_of(name, settings_.registries());
  Session::Call call{.method = "HEAD",
                     .path = manifest_path(name),
                     .headers = {{"Accept", accepted_manifest_types()}},
                     .actions = "pull,push"};
  bool has = false;
  auto attempt = [&](int&) {
    try {
      ResponseHead head = session_.send(endpoint, call, no_body(), stop);
      has = Digest::find(head.headers.find("Docker-Content-Digest").value_or("")) == digest;
    } catch (const RegistryError& error) {
      if (error.status() != 404) throw;
    }
  };
  in_context([&] { return name.familiar(); }, [&] { retrier_.run(attempt, stop, activity); });
  return has;
}

bool RegistryClient::put_manifest(const Reference& name, const Descriptor& manifest, const std::string& bytes,
                                  Activity* activity, std::stop_token stop) {
  Endpoint endpoint = home_of(name, settings_.registries());
  Session::Call call{.method = "PUT",
                     .path = manifest_path(name),
                     .headers = {{"Content-Type", manifest.media_type}},
                     .actions = "pull,push",
                     .body = bytes};
  bool knows_subject = false;
  auto attempt = [&](int&) {
    ResponseHead head = session_.send(endpoint, call, no_body(), stop);
    knows_subject = head.headers.find("OCI-Subject").has_value();
    auto digest = Digest::find(head.headers.find("Docker-Content-Digest").value_or(""));
    if (digest && digest->algorithm() == manifest.digest.algorithm() && *digest != manifest.digest)
      throw_error(ErrorKind::unavailable, "the registry changed manifest {} to {}", manifest.digest.str(),
                  digest->str());
  };
  in_context([&] { return fmt::format("manifest {} to {}", manifest.digest.str(), endpoint.name()); },
             [&] { retrier_.run(attempt, stop, activity); });
  return knows_subject;
}

}  // namespace imgb
