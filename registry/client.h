#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "core/base/progress.h"
#include "core/oci/manifest.h"
#include "core/oci/reference.h"
#include "core/store/blob_store.h"
#include "registry/retrier.h"
#include "registry/session.h"

namespace imgb {

/// Sees a blob's bytes as they arrive, each once and in order, before the digest is known to be right; fetch_blob()
/// returns only when it is. Throwing Error(corrupt) or Error(input) while bytes arrive is fine: should the bytes turn
/// out wrong they are fetched again, should they be right the error is thrown on.
class BlobTap : public Sink {
 public:
  /// What was written was wrong: forget it, the blob starts again. A tap that cannot may throw.
  virtual void restart() = 0;
};

/// How a blob came to be in a repository.
enum class BlobSent { present, mounted, uploaded };

/// A manifest or index as the registry sent it. `descriptor.digest` is computed from `bytes`, whatever headers say
/// (V71).
struct FetchedManifest {
  Descriptor descriptor;
  std::string bytes;
  std::variant<Manifest, Index> content;
};

/// The client's side of the distribution protocol (OCI distribution-spec 1.1, Docker Registry HTTP API V2) for one
/// user's settings: mirrors, credentials, retries. Threads: all functions may be called at once. Borrows settings and
/// transport.
///
/// What is read is looked for in the mirrors that registries.conf gives, then in the registry itself; when nobody has
/// it the error lists what was tried. Kinds: not_found, denied, corrupt, unavailable, unsupported, input (settings),
/// cancelled.
class RegistryClient {
 public:
  RegistryClient(HttpTransport& transport, RegistrySettings& settings, Retrier retrier = Retrier(RetryLimits{}));

  /// By digest when the name has one (the bytes must match), else by tag, "latest" without. At most 4 MiB (V58).
  FetchedManifest get_manifest(const Reference& name, std::stop_token stop, Activity* activity = nullptr);
  /// What the registry says the name means now, by HEAD: only a hint until the bytes were seen. Does not try again:
  /// nullopt when the registry does not tell, for whatever reason.
  std::optional<Descriptor> find_manifest(const Reference& name, std::stop_token stop);

  /// Afterwards the blob is in the store, verified, and `tap` (may be null) has had all of it. One download at a time
  /// per blob on this machine; others wait and read the store. Broken downloads go on where they stopped, wrong bytes
  /// are fetched again, up to a limit, and never kept. URLs that a descriptor carries are never asked (V61).
  void fetch_blob(const Reference& repository, const Descriptor& blob, BlobStore& store, BlobTap* tap,
                  Activity* activity, std::stop_token stop);

  // --- writing: into the registry itself, never into a mirror; in client_write.cc ---

  /// Afterwards the repository has the blob. It is looked for there, then asked for from `mount_from`, a repository of
  /// the same registry (may be empty), then sent. Broken uploads go on where they stopped. Error(corrupt) when the
  /// store's own bytes are not the blob.
  BlobSent push_blob(const Reference& repository, const Descriptor& blob, const BlobStore& store,
                     const std::string& mount_from, Activity* activity, std::stop_token stop);
  /// Whether the name means this very manifest already, in the registry itself.
  bool has_manifest(const Reference& name, const Digest& digest, Activity* activity, std::stop_token stop);
  /// Under the name's digest, when it has one, or its tag. What it refers to has to be there before.
  void put_manifest(const Reference& name, const Descriptor& manifest, const std::string& bytes, Activity* activity,
                    std::stop_token stop);

 private:
  void try_endpoints(const Reference& name, const std::string& what, const std::stop_token& stop,
                     const std::function<void(const Endpoint&)>& ask);

  RegistrySettings& settings_;
  Retrier retrier_;
  Authorizer authorizer_;
  Session session_;
  Guarded<std::set<std::string>> unreachable_;  ///< Mirrors that did not answer: passed over from then on.
};

}  // namespace imgb
