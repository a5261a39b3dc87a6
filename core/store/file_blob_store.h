#pragma once
#include <mutex>

#include "core/base/dir.h"
#include "core/store/blob_store.h"
#include "core/store/lease.h"

namespace imgb {

/// Blobs as files of an OCI image layout: blobs/<algorithm>/<hex> below `root`, written in ingest/ and linked into
/// place. Whoever puts a file in the place of another holds blobs.lock as shared, whoever takes a damaged one away
/// holds it alone: so nobody takes the good file that has come meanwhile.
class FileBlobStore : public BlobStore {
 public:
  /// The folder of blobs must exist (Store::open makes it); ingest/ is made for who writes. Borrows the lease.
  FileBlobStore(Dir root, Lease& lease);

  std::unique_ptr<BlobWriter> create() override;
  std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) override;
  std::unique_ptr<Source> open(const Digest& digest) const override;
  std::unique_ptr<Source> peek(const Digest& digest) const override;
  Fd open_file(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::optional<std::uint64_t> peek_size(const Digest& digest) const override;
  void remove(const Digest& digest) override;
  std::vector<Digest> list() const override;

 private:
  [[noreturn]] void throw_no_blob(const Digest& digest) const;
  const Dir& ingest();

  Dir root_, ingest_;
  std::once_flag ingest_opened_;
  Lease& lease_;
};

/// Takes the file that was found damaged out of use, keeping its bytes in quarantine/ for whoever wants to know what
/// happened. False: it is gone, or the blob's name is that of another file by now.
bool quarantine(const Dir& root, const Digest& digest, const Fd& damaged);

}  // namespace imgb
