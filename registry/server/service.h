#pragma once
#include <memory>
#include <span>
#include <variant>

#include "core/base/task.h"
#include "registry/server/catalog.h"
#include "registry/server/contents.h"
#include "registry/server/reply.h"
#include "registry/server/request.h"
#include "registry/server/route.h"
#include "registry/server/verifier.h"

namespace imgb::server {

/// The rest of a request whose body is wanted, or whose answer takes time. One call at a time, on any thread that may
/// wait for the disk. Failures are exceptions: Service::reply_for.
class Work {
 public:
  virtual ~Work() = default;
  virtual bool wants_body() const { return false; }
  virtual void take(std::span<const std::byte>) {}  ///< A piece of the body.
  virtual Reply finish() = 0;
};

/// The registry: answers requests from a catalog, without a socket. Spec: OCI distribution-spec 1.1.
/// Threads: all functions may be called at once.
class Service {
 public:
  explicit Service(Catalog& catalog);  ///< Borrows it.
  ~Service();

  using Step = std::variant<Reply, std::unique_ptr<Work>>;
  /// What to do about a request. Never waits for more than a small file of the disk.
  Step begin(const RequestHead& head, const Route& route);
  /// What a failure of begin() or of Work is told as: names what it is about, not where this host keeps it.
  static Reply reply_for(const std::exception& failure);

  Verifier::Counts checked() const { return verifier_.counts(); }

 private:
  std::shared_ptr<const Contents> contents();
  Reply manifest(const RequestHead& head, const route::Manifest& asked);
  Reply blob(const RequestHead& head, const route::Blob& asked);
  Reply repositories(const route::Repositories& asked);
  Reply tags(const route::Tags& asked);
  Reply referrers(const route::Referrers& asked);

  Catalog& catalog_;
  Manifests manifests_;
  Verifier verifier_;
  struct Made {
    std::shared_ptr<const Index> from;
    std::shared_ptr<const Contents> contents;
  };
  Guarded<Made> made_;
};

}  // namespace imgb::server
