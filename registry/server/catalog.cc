#include "registry/server/catalog.h"

#include "core/base/error.h"

namespace imgb::server {

FileIdentity identity_of(const FileStat& stat) {
  return {stat.device, stat.inode, stat.size_bytes, 0, stat.mtime, stat.ctime};
}

namespace {

class PieceSource : public Source {
 public:
  PieceSource(BlobFile blob, std::string what) : blob_(std::move(blob)), what_(std::move(what)) {}
  std::size_t read(std::span<std::byte> into) override {
    auto want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), blob_.size_bytes));
    std::size_t got = want ? read_at(*blob_.file, into.first(want), blob_.offset, what_) : 0;
    blob_.offset += got;
    blob_.size_bytes -= got;
    return got;
  }

 private:
  BlobFile blob_;
  std::string what_;
};

}  // namespace

std::unique_ptr<Source> open_verified(const BlobFile& blob, const Digest& digest) {
  return std::make_unique<VerifyingSource>(std::make_unique<PieceSource>(blob, digest.str()), digest, blob.size_bytes);
}

std::string read_verified(const BlobFile& blob, const Digest& digest, std::uint64_t max_bytes) {
  if (blob.size_bytes > max_bytes)
    throw_error(ErrorKind::corrupt, "{} has {} bytes, more than the limit of {}", digest.str(), blob.size_bytes,
                max_bytes);
  return read_all(*open_verified(blob, digest), max_bytes, digest.str());
}

}  // namespace imgb::server
