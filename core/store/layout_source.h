#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/stream.h"
#include "core/oci/descriptor.h"

namespace imgb {

/// An OCI image layout that is read, wherever it is kept: a folder, an archive. Writes nothing.
/// Threads: all functions may be called at once. Spec: OCI image-spec v1.1, image-layout.md.
class LayoutSource {
 public:
  virtual ~LayoutSource() = default;
  virtual std::string name() const = 0;                ///< For messages.
  virtual std::vector<Descriptor> images() const = 0;  ///< The entries of index.json with all their annotations.
  virtual std::unique_ptr<Source> open_blob(const Digest& digest) const = 0;  ///< Verifies. Error(not_found).
  virtual std::optional<std::uint64_t> find_size(const Digest& digest) const = 0;
};

}  // namespace imgb
