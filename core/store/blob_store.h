#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/fd.h"
#include "core/base/stream.h"
#include "core/oci/descriptor.h"

namespace imgb {

/// Writes one blob. Destroyed uncommitted: nothing is left but, for a blob whose digest was known from the start, the
/// part that arrived, so that the next attempt resumes.
class BlobWriter : public Sink {
 public:
  /// Makes the blob visible under its own digest. It becomes durable when an image that needs it is named (publish.h).
  /// With an expected descriptor, Error(corrupt) when size or digest differ, and nothing is kept. Call once, last.
  virtual Descriptor commit(std::string media_type) = 0;
  /// From now on commit() takes no other content than this digest's: Error(corrupt), and nothing is kept. For a writer
  /// that was made before the digest was known. Error(unsupported) for an algorithm that the bytes were not hashed by.
  virtual void expect(const Digest& digest) {
    throw_error(ErrorKind::unsupported, "{} cannot be expected now", digest.str());
  }
  virtual std::uint64_t size_bytes() const = 0;  ///< Written so far, resumed part included.
};

/// Where blobs land that are known by digest: the least that a transfer needs.
/// Threads: all functions may be called at once.
class BlobLanding {
 public:
  virtual ~BlobLanding() = default;
  /// Waits while another process or thread writes the same one, then returns nullptr when it is there. Otherwise a
  /// writer that continues at size_bytes() of an earlier broken attempt (hashed again, not trusted).
  virtual std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) = 0;
};

/// Blobs by digest. Verbs few; conveniences are free functions over this.
/// Threads: all functions may be called at once.
class BlobStore : public BlobLanding {
 public:
  virtual std::unique_ptr<BlobWriter> create() = 0;
  /// Verifies as it streams: throws Error(corrupt) at the end, and takes the damaged blob out of use. Error(not_found)
  /// when absent.
  virtual std::unique_ptr<Source> open(const Digest& digest) const = 0;
  /// Verifies too, but leaves a damaged blob where it is; Error(corrupt) also for one that was taken out of use: unlike
  /// what was never here, it has been somebody's.
  virtual std::unique_ptr<Source> peek(const Digest& digest) const { return open(digest); }
  /// The file itself, for sendfile, ranged reads and hard links. Unverified. Throws Error(unsupported) without files.
  virtual Fd open_file(const Digest& digest) const = 0;
  /// Bytes; nullopt if absent. A blob that was found stays until this object is gone, whoever collects garbage.
  virtual std::optional<std::uint64_t> find_size(const Digest& digest) const = 0;
  /// The same without the promise: for listings.
  virtual std::optional<std::uint64_t> peek_size(const Digest& digest) const { return find_size(digest); }
  virtual void remove(const Digest& digest) = 0;  ///< Afterwards it is absent, whoever removed it.
  virtual std::vector<Digest> list() const = 0;   ///< Sorted.
};

std::string read_blob(const BlobStore& store, const Descriptor& blob, std::uint64_t max_bytes);  ///< Verified.
/// The same of peek(): for those who only look, or to whom damaged must never be the same as absent.
std::string peek_blob(const BlobStore& store, const Descriptor& blob, std::uint64_t max_bytes);
Descriptor write_blob(BlobStore& store, std::string_view content, std::string media_type);

}  // namespace imgb
