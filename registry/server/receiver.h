#pragma once
#include <memory>

#include "registry/server/contents.h"
#include "registry/server/request.h"
#include "registry/server/route.h"
#include "registry/server/uploads.h"
#include "registry/server/work.h"

namespace imgb::server {

/// The side of the registry that takes: uploads, manifests, deletions. Spec: OCI distribution-spec 1.1, "Push" and
/// "Content Management". Threads: all functions may be called at once.
class Receiver {
 public:
  explicit Receiver(CatalogWriter& writer) : writer_(writer), uploads_(writer) {}  ///< Borrows it.

  /// `owner`: who asks; an upload is only its own. nullptr: the method is not one of this route's.
  std::unique_ptr<Work> uploads(const RequestHead& head, const route::Uploads& asked, const std::string& owner);
  std::unique_ptr<Work> upload(const RequestHead& head, const route::Upload& asked, const std::string& owner);
  std::unique_ptr<Work> put_manifest(const RequestHead& head, const route::Manifest& asked);
  Reply remove_manifest(const route::Manifest& asked, const Contents& contents);
  Reply remove_blob(const route::Blob& asked);

  void tend() { uploads_.drop_old(Upload::Clock::now()); }  ///< Now and then.
  std::size_t upload_count() const { return uploads_.count(); }

 private:
  class Part;
  class ManifestBody;
  Reply begin_upload(const route::Uploads& asked, const std::string& owner);
  Reply upload_state(const route::Upload& asked, const std::string& owner);
  Reply cancel_upload(const route::Upload& asked, const std::string& owner);
  void want_blobs(const Manifest& manifest);

  CatalogWriter& writer_;
  Uploads uploads_;
};

}  // namespace imgb::server
