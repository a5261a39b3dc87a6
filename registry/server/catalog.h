#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/digest.h"
#include "core/base/dir.h"
#include "core/base/fd.h"
#include "core/oci/manifest.h"
#include "core/oci/reference.h"
#include "core/store/blob_store.h"

namespace imgb::server {

/// The same bytes as before, as far as the file system tells.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0, size_bytes = 0, offset = 0;
  std::int64_t mtime = 0, ctime = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};
FileIdentity identity_of(const FileStat& stat);

/// Where the bytes of one blob lie: a file, or a piece of one (of a tar).
struct BlobFile {
  std::shared_ptr<const Fd> file;
  std::uint64_t offset = 0, size_bytes = 0;
  FileIdentity identity;
};

/// The side of a catalog that changes it. Calls wait for the disk.
/// Threads: all functions may be called at once.
class CatalogWriter {
 public:
  virtual ~CatalogWriter() = default;
  virtual std::unique_ptr<BlobWriter> begin_blob() = 0;
  /// Its size when it is there; then it stays for a while, whoever collects garbage: a client that was told so does not
  /// send it.
  virtual std::optional<std::uint64_t> hold(const Digest& digest) = 0;
  /// Puts the manifest there, durably with all that it needs, and gives it the name: one with a tag, or with its
  /// digest. `children`: of an index; they need no names of their own any more.
  virtual void put_manifest(const Descriptor& manifest, std::string_view bytes, const Reference& name,
                            const std::vector<Digest>& children) = 0;
  virtual bool remove_name(const Reference& name) = 0;  ///< False: there was none.
  /// Its names in this repository ("docker.io/library/debian"), and its place among those that have no name.
  virtual bool remove_manifest(const std::string& repository, const Digest& digest) = 0;
  enum class Removed { gone, absent, needed };
  virtual Removed remove_blob(const Digest& digest) = 0;  ///< Not one that an image needs, or that somebody uses.
  virtual std::uint64_t free_bytes() const = 0;
};

/// What is served: blobs by digest, and an index that names images among them. An OCI image layout, wherever it lies.
/// Threads: all functions may be called at once.
class Catalog {
 public:
  virtual ~Catalog() = default;
  virtual std::optional<BlobFile> find_blob(const Digest& digest) const = 0;
  /// index.json as it is now: other processes may change it at any time. The same pointer as long as it did not change.
  virtual std::shared_ptr<const Index> index() const = 0;
  /// The repository of entries whose name is a tag alone ("1.0"), as other tools write them.
  virtual const std::string& own_name() const = 0;
  /// Told that these bytes are not the blob's.
  virtual void report_damaged(const Digest&, const BlobFile&) {}
  virtual CatalogWriter* writer() { return nullptr; }  ///< nullptr: read-only. Lives as long as the catalog.
};

/// The blob as a stream that ends with Error(corrupt) when its bytes are another's.
std::unique_ptr<Source> open_verified(const BlobFile& blob, const Digest& digest);
/// Reads all of it, at most `max_bytes`; Error(corrupt) when it is longer, cut short, or another's content.
std::string read_verified(const BlobFile& blob, const Digest& digest, std::uint64_t max_bytes);

}  // namespace imgb::server
