#include "registry/server_store/arrival.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/store/layout.h"

namespace imgb::server {
namespace {

/// Says how far the file behind it is written.
class WatchedWriter : public BlobWriter {
 public:
  WatchedWriter(std::unique_ptr<BlobWriter> writer, std::shared_ptr<Flight> flight)
      : writer_(std::move(writer)), flight_(std::move(flight)) {}
  void write(std::span<const std::byte> bytes) override {
    writer_->write(bytes);
    flight_->advance(writer_->size_bytes());
  }
  Descriptor commit(std::string media_type) override { return writer_->commit(std::move(media_type)); }
  std::uint64_t size_bytes() const override { return writer_->size_bytes(); }

 private:
  std::unique_ptr<BlobWriter> writer_;
  std::shared_ptr<Flight> flight_;
};

}  // namespace

std::unique_ptr<BlobWriter> Arrival::create_expected(const Descriptor& expected) {
  if (std::exchange(started_, true))
    throw_error(ErrorKind::unavailable, "the registry sent other bytes than those of {}", expected.digest.str());
  auto writer = store_->blobs().create_expected(expected);
  if (!writer) return nullptr;
  auto file =
      std::make_shared<const Fd>(store_->root().open_file(layout::ingest(layout::partial(expected.digest)), O_RDONLY));
  flight_->advance(writer->size_bytes());
  {
    std::lock_guard hold(mutex_);
    file_ = BlobFile{std::move(file), 0, expected.size_bytes, {}};
    changed_.notify_all();
  }
  return std::make_unique<WatchedWriter>(std::move(writer), flight_);
}

void Arrival::finish(std::exception_ptr failure) {
  flight_->finish(failure ? Flight::State::broken : Flight::State::good);
  std::lock_guard hold(mutex_);
  failure_ = failure;
  done_ = true;
  changed_.notify_all();
}

std::optional<Upstream::Arriving> Arrival::wait() {
  std::unique_lock hold(mutex_);
  // Not before bytes come: till then the answer may still be that there is no such blob.
  changed_.wait(hold, [&] { return done_ || (file_ && flight_->progress().readable > 0); });
  if (failure_) std::rethrow_exception(failure_);
  if (done_ || !file_) return std::nullopt;
  return Upstream::Arriving{*file_, flight_};
}

}  // namespace imgb::server
