#include "registry/sink_landing.h"

#include "core/base/error.h"

namespace imgb {
namespace {

class SinkWriter : public BlobWriter {
 public:
  SinkWriter(Sink& sink, Descriptor expected, std::uint64_t from_bytes)
      : sink_(sink),
        expected_(std::move(expected)),
        hasher_(expected_.digest.algorithm()),
        whole_(from_bytes == 0),
        size_(from_bytes) {}

  void write(std::span<const std::byte> bytes) override {
    if (whole_) hasher_.update(bytes);
    sink_.write(bytes);
    size_ += bytes.size();
  }
  std::uint64_t size_bytes() const override { return size_; }
  Descriptor commit(std::string media_type) override {
    Descriptor got{std::move(media_type), whole_ ? hasher_.finish() : expected_.digest, size_, {}, {}, {}};
    if (got.digest != expected_.digest || size_ != expected_.size_bytes)
      throw_error(ErrorKind::corrupt, "digest mismatch: got {} ({} bytes), want {} ({} bytes)", got.digest.str(), size_,
                  expected_.digest.str(), expected_.size_bytes);
    return got;
  }

 private:
  Sink& sink_;
  Descriptor expected_;
  Hasher hasher_;
  bool whole_;
  std::uint64_t size_;
};

}  // namespace

std::unique_ptr<BlobWriter> SinkLanding::create_expected(const Descriptor& expected) {
  // Not corrupt: nobody is to try again, the sink has had the wrong bytes.
  if (started_) throw_error(ErrorKind::unavailable, "the bytes that came are not {}", expected.digest.str());
  started_ = true;
  return std::make_unique<SinkWriter>(sink_, expected, from_bytes_);
}

}  // namespace imgb
