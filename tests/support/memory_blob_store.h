#pragma once
#include <map>
#include <memory>
#include <string>

#include "core/base/task.h"
#include "core/store/blob_store.h"

namespace imgb {

/// The in-memory twin of FileBlobStore. `blobs` may be edited by tests (to corrupt content).
class MemoryBlobStore : public BlobStore {
 public:
  std::unique_ptr<BlobWriter> create() override;
  std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) override;
  std::unique_ptr<Source> open(const Digest& digest) const override;
  Fd open_file(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  void remove(const Digest& digest) override;
  std::vector<Digest> list() const override;

  Guarded<std::map<Digest, std::string>> blobs;
};

}  // namespace imgb
