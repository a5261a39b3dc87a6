#pragma once
#include <condition_variable>
#include <exception>
#include <mutex>

#include "core/store/store.h"
#include "registry/server/upstream.h"

namespace imgb::server {

/// One blob on its way into a store, watched: where its bytes are and how many. A download that has to start anew ends
/// instead, since others may have had the bytes that were wrong; they ask again.
/// Threads: the landing is one download's; wait() and finish() are anybody's.
class Arrival : public BlobLanding {
 public:
  explicit Arrival(std::shared_ptr<Store> store) : store_(std::move(store)) {}

  std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) override;
  void finish(std::exception_ptr failure);  ///< null: all of it is in the store.
  /// Until there are first bytes. nullopt: all of it was there. Throws what the download ended with.
  std::optional<Upstream::Arriving> wait();

 private:
  std::shared_ptr<Store> store_;
  std::shared_ptr<Flight> flight_ = std::make_shared<Flight>();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<BlobFile> file_;
  std::exception_ptr failure_;
  bool started_ = false, done_ = false;
};

}  // namespace imgb::server
