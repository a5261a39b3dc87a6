#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "core/base/task.h"
#include "core/oci/layer.h"
#include "registry/server/catalog.h"
#include "registry/server/contents.h"
#include "registry/server/gate.h"
#include "registry/server/metrics.h"
#include "registry/server/receiver.h"
#include "registry/server/reply.h"
#include "registry/server/request.h"
#include "registry/server/route.h"
#include "registry/server/upstream.h"
#include "registry/server/verifier.h"
#include "registry/server/work.h"

namespace imgb::server {

/// The registry: answers requests from a catalog, without a socket. Spec: OCI distribution-spec 1.1.
/// Threads: all functions may be called at once.
class Service {
 public:
  explicit Service(Catalog& catalog);  ///< Borrows it. Takes what is pushed when the catalog has a writer.
  ~Service();

  using Step = std::variant<Reply, std::unique_ptr<Work>>;
  /// What to do about a request. Never waits for more than a small file of the disk.
  Step begin(const RequestHead& head, const Route& route);
  /// May the request be answered? unknown: check() tells, which takes long.
  Gate::Access look(const RequestHead& head, const Route& route) const;
  Gate::Access check(const RequestHead& head) { return gate_.check(head.headers); }
  static Reply unauthorized();

  /// What a failure of begin() or of Work is told as: names what it is about, not where this host keeps it.
  static Reply reply_for(const std::exception& failure);

  /// What is not here is brought from there, as far as it covers the names. Borrows it. Before the first request.
  void set_upstream(Upstream& upstream) { upstream_ = &upstream; }

  /// Says as JSON what files a layer has, for the page; without it nobody does. Before the first request.
  using ListFiles = std::function<std::string(const Layer& layer, const BlobFile& blob)>;
  void set_file_lister(ListFiles list) { list_files_ = std::move(list); }

  Gate& gate() { return gate_; }
  Metrics& metrics() { return metrics_; }
  Verifier::Counts checked() const { return verifier_.counts(); }
  void tend();  ///< Now and then: ends what clients have given up. Waits for the disk.

 private:
  std::optional<Step> read(const RequestHead& head, const Route& route);
  std::optional<Step> receive(const RequestHead& head, const Route& route);
  std::shared_ptr<const Contents> contents();
  Reply manifest(const RequestHead& head, const route::Manifest& asked);
  Reply blob(const RequestHead& head, const route::Blob& asked);
  Step manifest_step(const RequestHead& head, const route::Manifest& asked);
  Reply brought_manifest(const RequestHead& head, const route::Manifest& asked);
  Reply brought_blob(const RequestHead& head, const route::Blob& asked);
  std::optional<Descriptor> find_blob_of(const std::string& repository, const Digest& digest);
  Reply blob_reply(const RequestHead& head, const Digest& digest, BlobFile file, std::shared_ptr<Flight> flight) const;
  Step blob_step(const RequestHead& head, const route::Blob& asked);
  Reply repositories(const route::Repositories& asked);
  Reply tags(const route::Tags& asked);
  Reply referrers(const route::Referrers& asked);
  Reply layer_files(const route::LayerFiles& asked);
  std::optional<Layer> find_layer_of(const ServedManifest& image, const Digest& digest) const;
  Reply metrics_page() const;

  Catalog& catalog_;
  Gate gate_;
  Metrics metrics_;
  std::optional<Receiver> receiver_;
  Upstream* upstream_ = nullptr;
  ListFiles list_files_;
  Manifests manifests_;
  Verifier verifier_;
  struct Made {
    std::shared_ptr<const Index> from;
    std::shared_ptr<const Contents> contents;
  };
  Guarded<Made> made_;
};

}  // namespace imgb::server
