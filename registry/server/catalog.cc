#include "registry/server/catalog.h"

#include "core/base/error.h"

namespace imgb::server {

FileIdentity identity_of(const FileStat& stat) {
  return {stat.device, stat.inode, stat.size_bytes, 0, stat.mtime, stat.ctime};
}

std::string read_verified(const BlobFile& blob, const Digest& digest, std::uint64_t max_bytes) {
  if (blob.size_bytes > max_bytes)
    throw_error(ErrorKind::corrupt, "{} has {} bytes, more than the limit of {}", digest.str(), blob.size_bytes,
                max_bytes);
  std::string bytes(blob.size_bytes, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    auto rest = std::as_writable_bytes(std::span(bytes)).subspan(got);
    std::size_t more = read_at(*blob.file, rest, blob.offset + got, digest.str());
    if (more == 0) break;
    got += more;
  }
  Hasher hasher(digest.algorithm());
  hasher.update(std::string_view(bytes).substr(0, got));
  if (got != bytes.size() || hasher.finish() != digest)
    throw_error(ErrorKind::corrupt, "{} is damaged: its bytes are not those of its digest", digest.str());
  return bytes;
}

}  // namespace imgb::server
