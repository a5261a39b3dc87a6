#include "registry/blob_download.h"

#include "core/base/task.h"
#include "core/base/text.h"
#include "registry/http_fields.h"

namespace imgb {
namespace {

[[noreturn]] void throw_cut(std::uint64_t got, std::uint64_t want) {
  throw TransportError(TransportFailure::cut, ErrorKind::unavailable,
                       fmt::format("connection closed after {} of {} bytes", got, want));
}

}  // namespace

/// The body of one answer: skips what the writer has already, stops at the first byte too many (V56).
class BlobDownload::Body : public Sink {
 public:
  explicit Body(BlobDownload& download) : download_(download) {}

  /// From the answer's head. Error(corrupt) when it cannot be the bytes that were asked for.
  void start(const ResponseHead& head) {
    std::uint64_t have = download_.writer_->size_bytes(), size = download_.blob_.size_bytes;
    std::uint64_t first = 0;
    if (head.status == 206) {
      auto range = find_content_range(head.headers.find("Content-Range").value_or(""));
      if (!range || range->first > have || (range->size && *range->size != size)) {
        download_.ranges_ = false;
        throw_error(ErrorKind::corrupt, "the registry answers with {:?} where bytes {}-{}/{} were asked",
                    printable(head.headers.find("Content-Range").value_or(""), 64), have, size - 1, size);
      }
      first = range->first;
    } else if (have > 0) {
      download_.ranges_ = false;  // 200: all of it again, the digest will tell
    }
    auto length = head.headers.find("Content-Length");
    auto bytes = length ? find_unsigned(*length) : std::nullopt;
    if (bytes && (head.status == 206 ? *bytes > size - first : *bytes != size)) {
      throw_error(ErrorKind::corrupt, "got {} bytes, want {}", *bytes, size - first);
    }
    skip_ = have - first;
  }
  void write(std::span<const std::byte> bytes) override {
    if (skip_ >= bytes.size()) {
      skip_ -= bytes.size();
      return;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(skip_));
    skip_ = 0;
    download_.take(bytes);
  }

 private:
  BlobDownload& download_;
  std::uint64_t skip_ = 0;
};

BlobDownload::BlobDownload(const Descriptor& blob, BlobLanding& into, BlobTap* tap, Activity* activity)
    : blob_(blob), into_(into), tap_(tap), activity_(activity), writer_(into.create_expected(blob)) {
  // What an earlier broken download left is in the writer alone: such a tap is fed from the store at the end.
  tap_is_live_ = tap_ && writer_ && writer_->size_bytes() == 0;
}

void BlobDownload::attempt(Session& session, const Endpoint& endpoint, int& attempt, const std::stop_token& stop) {
  std::uint64_t before = writer_->size_bytes();
  try {
    if (before < blob_.size_bytes || overlong_) request_rest(session, endpoint, stop);
  } catch (const TransportError&) {
    if (writer_->size_bytes() - before >= kProgressBytes) attempt = 1;
    throw;
  }
  commit();
}

void BlobDownload::request_rest(Session& session, const Endpoint& endpoint, const std::stop_token& stop) {
  std::uint64_t have = writer_->size_bytes();
  Session::Call call{"GET", "/blobs/" + blob_.digest.str(), {{"Accept-Encoding", "identity"}}};
  if (have > 0 && ranges_ && !overlong_) call.headers.set("Range", fmt::format("bytes={}-", have));
  Body body(*this);
  auto look = [&](const ResponseHead& got) -> Sink* {
    if (got.status == 416) {
      ranges_ = false;
      throw_error(ErrorKind::corrupt, "the registry has no bytes from {} on, want {}", have, blob_.size_bytes);
    }
    body.start(got);
    return &body;
  };
  session.send(endpoint, call, look, stop);
  overlong_ = false;
  if (writer_->size_bytes() < blob_.size_bytes) throw_cut(writer_->size_bytes(), blob_.size_bytes);
}

void BlobDownload::take(std::span<const std::byte> bytes) {
  std::uint64_t room = blob_.size_bytes - writer_->size_bytes();
  if (bytes.size() > room) {
    overlong_ = true;
    throw_error(ErrorKind::corrupt, "got more than the {} bytes of {}", blob_.size_bytes, blob_.digest.str());
  }
  writer_->write(bytes);
  if (tap_is_live_ && !tap_failure_) give_tap(bytes);
  report();
}

void BlobDownload::give_tap(std::span<const std::byte> bytes) {
  tap_touched_ = true;
  try {
    tap_->write(bytes);
  } catch (const Error& error) {
    // Bytes that make no sense may be wrong ones: the digest decides whose fault it is.
    if (error.kind() != ErrorKind::corrupt && error.kind() != ErrorKind::input) throw;
    tap_failure_ = std::current_exception();
  }
}

void BlobDownload::commit() {
  try {
    writer_->commit(blob_.media_type);
    writer_.reset();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::corrupt) throw;
    writer_.reset();
    tap_failure_ = nullptr;
    writer_ = into_.create_expected(blob_);
    if (tap_touched_) tap_->restart();
    tap_touched_ = false;
    tap_is_live_ = tap_ && writer_ && writer_->size_bytes() == 0;
    if (writer_) throw;  // else another process got it right meanwhile
  }
}

void BlobDownload::finish(const std::function<std::unique_ptr<Source>()>& open) {
  if (tap_failure_) std::rethrow_exception(tap_failure_);
  if (tap_ && !tap_is_live_) copy(*open(), *tap_);
  if (activity_) activity_->bytes(blob_.digest.short_hex(), blob_.size_bytes, blob_.size_bytes);
}

void BlobDownload::report() {
  if (!activity_ || !pace_.is_due()) return;
  activity_->bytes(blob_.digest.short_hex(), writer_->size_bytes(), blob_.size_bytes);
}

}  // namespace imgb
