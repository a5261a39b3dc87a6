#pragma once
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/progress.h"
#include "registry/client.h"

namespace imgb {

/// One blob on its way into a repository, over as many requests as it takes. Not shared between threads.
/// Spec: OCI distribution-spec 1.1, "Pushing blobs".
class BlobUpload {
 public:
  /// Borrows all it is given. `mount_from`: a repository of the same registry that may have the blob; may be empty.
  BlobUpload(const Descriptor& blob, const OpenBlob& open, std::string mount_from, Activity* activity)
      : blob_(blob), open_(open), mount_from_(std::move(mount_from)), activity_(activity) {}

  /// One attempt, which goes on where the one before broke when the registry knows where that was. True progress sets
  /// `attempt` back to 1. Throws as Session::send; Error(corrupt) when what is to be sent is not the blob.
  BlobSent attempt(Session& session, const Endpoint& endpoint, int& attempt, const std::stop_token& stop);

 private:
  bool begin(Session& session, const Endpoint& endpoint, const std::stop_token& stop);
  void find_out_where(Session& session, const Endpoint& endpoint, int& attempt, const std::stop_token& stop);
  void send_parts(Session& session, const Endpoint& endpoint, const std::stop_token& stop);
  void close(Session& session, const Endpoint& endpoint, const std::stop_token& stop);
  void follow(const ResponseHead& head);
  Session::Call sending(std::string method, std::uint64_t size_bytes) const;
  void report(std::uint64_t done) const;

  const Descriptor& blob_;
  const OpenBlob& open_;
  std::string mount_from_;
  Activity* activity_;
  std::optional<Session::Referral> place_;  ///< Of the upload that was begun.
  std::uint64_t there_ = 0;                 ///< Bytes that the registry has said, or accepted, to have.
  std::uint64_t part_bytes_ = UINT64_MAX;   ///< The most that one request carries.
};

}  // namespace imgb
