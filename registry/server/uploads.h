#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/task.h"
#include "registry/server/catalog.h"
#include "registry/server/route.h"

namespace imgb::server {

/// A blob on its way in, over one request or several. Its bytes have no name until commit(): dropped, nothing is left.
/// Threads: all functions may be called at once.
class Upload {
 public:
  using Clock = std::chrono::steady_clock;
  Upload(std::string id, std::string repository, std::string owner, std::unique_ptr<BlobWriter> writer)
      : id_(std::move(id)), repository_(std::move(repository)), owner_(std::move(owner)), writer_(std::move(writer)) {}

  const std::string& id() const { return id_; }
  bool belongs_to(const std::string& repository, const std::string& owner) const {
    return repository == repository_ && owner == owner_;
  }
  std::uint64_t size_bytes() const;
  Clock::time_point last_used() const;

  /// A request that begins to write puts an earlier one out: a client whose connection broke is back before the broken
  /// one is noticed. Returns the turn, which the calls below want; Refusal (416) when another has come since.
  std::uint64_t take_turn();
  void write(std::uint64_t turn, std::span<const std::byte> bytes);
  /// Makes the blob visible. Error(corrupt) when it is not the digest's. Call once, last.
  void commit(std::uint64_t turn, const Digest& digest);

 private:
  void want_turn(std::uint64_t turn) const;
  const std::string id_, repository_, owner_;
  mutable std::mutex mutex_;
  std::unique_ptr<BlobWriter> writer_;
  std::uint64_t turn_ = 0;
  Clock::time_point last_used_ = Clock::now();
};

/// Uploads that clients have begun. At most kMaxUploads: then whoever has sent nothing for the longest time makes room,
/// if that is a while (V97). Threads: all functions may be called at once.
class Uploads {
 public:
  static constexpr std::size_t kMaxUploads = 1000;
  static constexpr std::chrono::minutes kLifetime{60}, kShortLifetime{2};

  explicit Uploads(CatalogWriter& writer) : writer_(writer) {}
  std::shared_ptr<Upload> begin(const Repository& repository, const std::string& owner);  ///< Refusal (429): too many.
  /// nullptr: there is none of this id, or it is another's.
  std::shared_ptr<Upload> find(const std::string& id, const Repository& repository, const std::string& owner);
  void end(const Upload& upload);
  void drop_old(Upload::Clock::time_point now);
  std::size_t count() const;

 private:
  using Table = std::map<std::string, std::shared_ptr<Upload>>;
  CatalogWriter& writer_;
  Guarded<Table> table_;
};

}  // namespace imgb::server
