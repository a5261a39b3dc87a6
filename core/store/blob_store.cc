#include "core/store/blob_store.h"

#include "core/base/error.h"

namespace imgb {

namespace {

void want_at_most(const Descriptor& blob, std::uint64_t max_bytes) {
  if (blob.size_bytes > max_bytes)
    throw_error(ErrorKind::corrupt, "{} has {} bytes, more than the limit of {}", blob.digest.str(), blob.size_bytes,
                max_bytes);
}

}  // namespace

std::string read_blob(const BlobStore& store, const Descriptor& blob, std::uint64_t max_bytes) {
  want_at_most(blob, max_bytes);
  return read_all(*store.open(blob.digest), max_bytes, blob.digest.str());
}

std::string peek_blob(const BlobStore& store, const Descriptor& blob, std::uint64_t max_bytes) {
  want_at_most(blob, max_bytes);
  return read_all(*store.peek(blob.digest), max_bytes, blob.digest.str());
}

Descriptor write_blob(BlobStore& store, std::string_view content, std::string media_type) {
  Digest digest = Digest::of(content);
  if (store.find_size(digest) == content.size())
    return {.media_type = std::move(media_type), .digest = digest, .size_bytes = content.size()};
  auto writer = store.create();
  writer->write(as_bytes(content));
  return writer->commit(std::move(media_type));
}

}  // namespace imgb
