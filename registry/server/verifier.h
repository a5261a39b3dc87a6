#pragma once
#include <map>
#include <memory>

#include "core/base/task.h"
#include "registry/server/catalog.h"
#include "registry/server/flight.h"

namespace imgb::server {

/// Reads every blob once before it is believed (V98), and again only when its file has changed. However many ask for a
/// blob meanwhile, it is read once. Threads: all functions may be called at once.
class Verifier {
 public:
  explicit Verifier(Catalog& catalog) : catalog_(catalog), workers_(kReaders) {}

  /// nullptr: the blob was read before and is right.
  std::shared_ptr<Flight> check(const Digest& digest, const BlobFile& blob);
  struct Counts {
    std::uint64_t good = 0, bad = 0, bytes = 0;
  };
  Counts counts() const;

 private:
  struct Running {
    FileIdentity identity;
    std::shared_ptr<Flight> flight;
  };
  struct State {
    std::map<Digest, FileIdentity> good, bad;
    std::map<Digest, Running> running;
    Counts counts;
  };
  void read(const Digest& digest, const BlobFile& blob, const std::shared_ptr<Flight>& flight);
  void note(const Digest& digest, const BlobFile& blob, Flight::State result);

  static constexpr unsigned kReaders = 2;

  Catalog& catalog_;
  Guarded<State> state_;
  TaskGroup workers_;  // the first to end: its tasks use the others
};

}  // namespace imgb::server
