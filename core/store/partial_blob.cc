#include "core/store/partial_blob.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "core/base/error.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

class PartialBlob : public BlobWriter {
 public:
  PartialBlob(const Dir& ingest, Descriptor expected, Fd file, PlaceBlob place)
      : ingest_(ingest),
        expected_(std::move(expected)),
        name_(layout::partial(expected_.digest)),
        file_(std::move(file)),
        place_(std::move(place)),
        hasher_(expected_.digest.algorithm()) {
    take_up_the_rest();
  }

  void write(std::span<const std::byte> bytes) override {
    if (size_ + bytes.size() > expected_.size_bytes) {
      discard();
      throw_error(ErrorKind::corrupt, "{} is longer than its {} bytes", expected_.digest.str(), expected_.size_bytes);
    }
    hasher_.update(bytes);
    write_all(file_, bytes, name_);
    size_ += bytes.size();
  }
  std::uint64_t size_bytes() const override { return size_; }

  Descriptor commit(std::string media_type) override {
    Digest digest = whole_ ? *whole_ : hasher_.finish();
    if (size_ != expected_.size_bytes || digest != expected_.digest) {
      discard();
      throw_error(ErrorKind::corrupt, "digest mismatch: got {} ({} bytes), want {} ({} bytes)", digest.str(), size_,
                  expected_.digest.str(), expected_.size_bytes);
    }
    place_(name_, file_);
    return {.media_type = std::move(media_type), .digest = digest, .size_bytes = size_};
  }

 private:
  /// Hashes what an earlier attempt left; it is nobody's word but the bytes'.
  void take_up_the_rest() {
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(kStreamBufferBytes);
    while (std::size_t got = read_some(file_, {buffer.get(), kStreamBufferBytes}, name_)) {
      hasher_.update({buffer.get(), got});
      size_ += got;
    }
    if (size_ < expected_.size_bytes) return;
    // As long as it can be: right, or nothing that could be continued.
    Digest digest = hasher_.finish();
    if (size_ == expected_.size_bytes && digest == expected_.digest) {
      whole_ = digest;
      return;
    }
    if (::ftruncate(file_.get(), 0) < 0 || ::lseek(file_.get(), 0, SEEK_SET) < 0) throw_errno("truncating {}", name_);
    hasher_ = Hasher(expected_.digest.algorithm());
    size_ = 0;
  }
  void discard() { ingest_.remove(name_); }

  const Dir& ingest_;
  Descriptor expected_;
  std::string name_;
  Fd file_;
  PlaceBlob place_;
  Hasher hasher_;
  std::optional<Digest> whole_;  ///< All of it was there already.
  std::uint64_t size_ = 0;
};

}  // namespace

std::unique_ptr<BlobWriter> open_partial_blob(const Dir& ingest, const Descriptor& expected, std::uint32_t mode,
                                              const std::function<bool()>& is_there, PlaceBlob place) {
  std::string name = layout::partial(expected.digest);
  for (;;) {
    if (is_there()) return nullptr;
    Fd file = ingest.open_file(name, O_RDWR | O_CREAT, mode);
    lock(file);
    // While we waited its owner may have finished (renamed it) or given it up (removed it): then look again.
    if (ingest.leads_to(name, file))
      return std::make_unique<PartialBlob>(ingest, expected, std::move(file), std::move(place));
  }
}

}  // namespace imgb
