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
#include "core/store/image_places.h"
#include "registry/retrier.h"
#include "registry/session.h"

namespace imgb {

class BlobDownload;

/// Sees a blob's bytes as they arrive, each once and in order, before the digest is known to be right; fetch_blob()
/// returns only when it is. Throwing Error(corrupt) or Error(input) while bytes arrive is fine: should the bytes turn
/// out wrong they are fetched again, should they be right the error is thrown on.
class BlobTap : public Sink {
 public:
  /// What was written was wrong: forget it, the blob starts again. A tap that cannot may throw.
  virtual void restart() = 0;
};

/// A blob's bytes from `from_bytes` on, for an upload; called once for each request that carries some.
using OpenBlob = std::function<std::unique_ptr<Source>(std::uint64_t from_bytes)>;

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

  /// The same into any place, without a tap.
  void land_blob(const Reference& repository, const Descriptor& blob, BlobLanding& into, Activity* activity,
                 std::stop_token stop);
  /// The blob's bytes from `from_bytes` on into `sink`, each once and in order; broken downloads go on where they
  /// stopped. Error(corrupt) at the end when they were wrong: the sink has had them then. With a start that is not
  /// asked for nobody but who has had it can tell.
  void stream_blob(const Reference& repository, const Descriptor& blob, std::uint64_t from_bytes, Sink& sink,
                   Activity* activity, std::stop_token stop);
  /// Manifests whose subject the digest is: from the referrers API, or where a registry has none, from the tag that
  /// the specification falls back to. At most kMaxReferrers, else Error(unsupported) (V70).
  static constexpr std::size_t kMaxReferrers = 1000;
  std::vector<Descriptor> list_referrers(const Reference& repository, const Digest& subject, Activity* activity,
                                         std::stop_token stop);
  /// Tags of the repository in the registry's order, at most `max`; `more` says that there are others.
  struct Tags {
    std::vector<std::string> tags;
    bool more = false;
  };
  Tags list_tags(const Reference& repository, std::size_t max, Activity* activity, std::stop_token stop);
  /// What a name means, or a manifest with all its names when the name has a digest. Error(unsupported) when the
  /// registry lets nobody delete.
  void delete_manifest(const Reference& name, Activity* activity, std::stop_token stop);

  // --- writing: into the registry itself, never into a mirror; in client_write.cc ---

  /// Afterwards the repository has the blob. It is looked for there, then asked for from `mount_from`, a repository of
  /// the same registry (may be empty), then sent. Broken uploads go on where they stopped. Error(corrupt) when the
  /// store's own bytes are not the blob.
  BlobSent push_blob(const Reference& repository, const Descriptor& blob, const BlobStore& store,
                     const std::string& mount_from, Activity* activity, std::stop_token stop);
  /// The same from anywhere.
  BlobSent push_blob(const Reference& repository, const Descriptor& blob, const OpenBlob& open,
                     const std::string& mount_from, Activity* activity, std::stop_token stop);
  /// Whether the name means this very manifest already, in the registry itself.
  bool has_manifest(const Reference& name, const Digest& digest, Activity* activity, std::stop_token stop);
  /// Under the name's digest, when it has one, or its tag. What it refers to has to be there before. True when the
  /// registry says that it will list the manifest among the referrers of its subject.
  bool put_manifest(const Reference& name, const Descriptor& manifest, const std::string& bytes, Activity* activity,
                    std::stop_token stop);
  /// For registries without the referrers API: adds it to the index that the tag "sha256-<hex>" of its subject means.
  /// Spec: OCI distribution-spec 1.1, "Referrers Tag Schema".
  void add_referrer(const Reference& repository, const Digest& subject, const Descriptor& referrer, Activity* activity,
                    std::stop_token stop);

 private:
  void download(const Reference& repository, BlobDownload& blob, const std::string& what, Activity* activity,
                const std::stop_token& stop);
  /// A document of at most kMaxManifestBytes.
  struct Answer {
    ResponseHead head;
    std::string text;
  };
  Answer get_text(const Endpoint& endpoint, const Session::Call& call, Activity* activity, const std::stop_token& stop);
  /// A list in pages, each of which says where the next is (Link); `take` returns whether it wants more.
  void for_each_page(const Endpoint& endpoint, Session::Call call, Activity* activity, const std::stop_token& stop,
                     const std::function<bool(const std::string& text)>& take);
  void try_endpoints(const Reference& name, const std::string& what, const std::stop_token& stop,
                     const std::function<void(const Endpoint&)>& ask);

  RegistrySettings& settings_;
  Retrier retrier_;
  Authorizer authorizer_;
  Session session_;
  Guarded<std::set<std::string>> unreachable_;  ///< Mirrors that did not answer: passed over from then on.
};

}  // namespace imgb
