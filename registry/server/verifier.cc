#include "registry/server/verifier.h"

#include <fcntl.h>

#include "core/base/error.h"

namespace imgb::server {
namespace {

/// Digest of the whole, told as it goes.
Flight::State hash_all(const Digest& digest, const BlobFile& blob, Flight& flight, const std::stop_token& stop) {
  ::posix_fadvise(blob.file->get(), static_cast<off_t>(blob.offset), static_cast<off_t>(blob.size_bytes),
                  POSIX_FADV_SEQUENTIAL);
  Hasher hasher(digest.algorithm());
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
  for (std::uint64_t done = 0; done < blob.size_bytes;) {
    if (stop.stop_requested()) return Flight::State::broken;
    std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(kStreamBufferBytes, blob.size_bytes - done));
    std::size_t got = read_at(*blob.file, {buffer.get(), want}, blob.offset + done, digest.str());
    if (got == 0) return Flight::State::bad;  // cut short since it was opened
    hasher.update({buffer.get(), got});
    done += got;
    flight.advance(done);
  }
  return hasher.finish() == digest ? Flight::State::good : Flight::State::bad;
}

}  // namespace

std::shared_ptr<Flight> Verifier::check(const Digest& digest, const BlobFile& blob) {
  bool is_new = false;
  auto flight = state_.with([&](State& state) -> std::shared_ptr<Flight> {
    auto is = [&](const std::map<Digest, FileIdentity>& table) {
      auto found = table.find(digest);
      return found != table.end() && found->second == blob.identity;
    };
    if (is(state.good)) return nullptr;
    if (is(state.bad)) {
      auto known = std::make_shared<Flight>();
      known->finish(Flight::State::bad);
      return known;
    }
    auto running = state.running.find(digest);
    if (running != state.running.end() && running->second.identity == blob.identity) return running->second.flight;
    is_new = true;
    return (state.running[digest] = {blob.identity, std::make_shared<Flight>()}).flight;
  });
  if (is_new) workers_.add([this, digest, blob, flight] { read(digest, blob, flight); });
  return flight;
}

void Verifier::read(const Digest& digest, const BlobFile& blob, const std::shared_ptr<Flight>& flight) {
  Flight::State result = Flight::State::broken;
  try {
    result = hash_all(digest, blob, *flight, workers_.stop());
    if (result == Flight::State::bad) catalog_.report_damaged(digest, blob);
  } catch (const Error&) {
    // It cannot be read, or not be set aside: whoever asks next tries again.
  }
  note(digest, blob, result);
  flight->finish(result);
}

void Verifier::note(const Digest& digest, const BlobFile& blob, Flight::State result) {
  state_.with([&](State& state) {
    auto running = state.running.find(digest);
    if (running != state.running.end() && running->second.identity == blob.identity) state.running.erase(running);
    if (result == Flight::State::good) {
      state.good.insert_or_assign(digest, blob.identity);
      ++state.counts.good;
      state.counts.bytes += blob.size_bytes;
    } else if (result == Flight::State::bad) {
      state.bad.insert_or_assign(digest, blob.identity);
      ++state.counts.bad;
    }
  });
}

Verifier::Counts Verifier::counts() const {
  return state_.with([](const State& state) { return state.counts; });
}

}  // namespace imgb::server
