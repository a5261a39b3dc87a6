#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "core/oci/descriptor.h"
#include "core/oci/reference.h"
#include "registry/server/catalog.h"
#include "registry/server/flight.h"

namespace imgb::server {

/// Other registries, from which what is asked for and not here is brought. Only those that were allowed are ever asked,
/// whatever a client names (V102). Threads: all functions may be called at once.
class Upstream {
 public:
  virtual ~Upstream() = default;
  /// `repository`: a whole name ("docker.io/library/debian").
  virtual bool covers(const std::string& repository) const = 0;

  using Which = std::variant<std::string, Digest>;  ///< Tag or digest.
  /// What the tag means was asked not long ago.
  virtual bool is_fresh(const std::string& repository, const std::string& tag) const = 0;
  /// Afterwards the catalog has what the upstream has. Takes as long as that takes. Throws the client's errors:
  /// not_found, unavailable, denied, ...
  virtual void bring_manifest(const std::string& repository, const Which& which) = 0;

  struct Arriving {
    BlobFile file;  ///< Its size is the whole blob's, of which the flight says how much is there.
    std::shared_ptr<Flight> flight;
  };
  /// The blob as it arrives, for all who ask meanwhile; returns when its first bytes are there. nullopt: it is in the
  /// catalog by now. Throws as above.
  virtual std::optional<Arriving> bring_blob(const std::string& repository, const Descriptor& blob) = 0;
};

}  // namespace imgb::server
