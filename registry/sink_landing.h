#pragma once
#include "core/store/blob_store.h"

namespace imgb {

/// Lands a blob in a sink, which cannot take anything back: a second start is the error that made it necessary.
/// `from_bytes`: so much of the start is not wanted, and so the digest is not checked. Borrows the sink.
class SinkLanding : public BlobLanding {
 public:
  SinkLanding(Sink& sink, std::uint64_t from_bytes) : sink_(sink), from_bytes_(from_bytes) {}
  std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) override;

 private:
  Sink& sink_;
  std::uint64_t from_bytes_;
  bool started_ = false;
};

}  // namespace imgb
