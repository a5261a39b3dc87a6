#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "core/base/progress.h"
#include "core/oci/manifest.h"
#include "core/oci/reference.h"
#include "core/store/blob_store.h"

namespace imgb {

/// How a blob came to be where it is wanted.
enum class BlobSent { present, mounted, uploaded };

/// A manifest or index as it was received. `descriptor.digest` is computed from `bytes`, whatever others say (V71).
struct FetchedManifest {
  Descriptor descriptor;
  std::string bytes;
  std::variant<Manifest, Index> content;
};
/// Parses and checks against what refers to it: Error(corrupt) on another size, digest or type.
FetchedManifest check_manifest(std::string bytes, const Descriptor& expected);

/// As lists of referrers have it: with its artifact type and annotations.
Descriptor referrer_entry(const FetchedManifest& manifest);

/// One image at the place where it is read from: a registry, a store, a layout, an archive; an index with all that it
/// refers to. What it gives is verified. `activity` may be null.
/// Threads: all functions may be called at once, after get_named().
class ImageReader {
 public:
  virtual ~ImageReader() = default;
  virtual std::string name() const = 0;  ///< For messages.
  virtual FetchedManifest get_named(Activity* activity, const std::stop_token& stop) = 0;
  virtual FetchedManifest get_manifest(const Descriptor& manifest, Activity* activity, const std::stop_token& stop) = 0;
  /// Manifests whose `subject` is that digest, as far as this place knows; not itself.
  virtual std::vector<Descriptor> list_referrers(const Digest& subject, Activity* activity,
                                                 const std::stop_token& stop) = 0;
  /// The blob's bytes from `from_bytes` on. A place that would have to fetch the rest again may then leave the check to
  /// who has had the start.
  virtual std::unique_ptr<Source> open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity* activity,
                                            const std::stop_token& stop) = 0;
  /// Afterwards the blob is there, verified; what a broken attempt left is gone on with.
  virtual void fetch_blob(const Descriptor& blob, BlobLanding& into, Activity* activity, const std::stop_token& stop);
  /// Error(not_found) or Error(corrupt) when it is known beforehand that the blob cannot be had.
  virtual void expect_blob(const Descriptor&) const {}
  /// Where the blob is in a registry: for mounts.
  virtual std::optional<Reference> repository_of(const Digest&) const { return std::nullopt; }
};

/// The place that one image is written to. Nothing is seen under a final name before it is complete.
/// Threads: take_blob() may be called as often at once as transfers_at_once() says; the others after it, one by one.
class ImageWriter {
 public:
  virtual ~ImageWriter() = default;
  virtual std::string name() const = 0;  ///< For messages.
  /// The name means this image already, and all of it is there.
  virtual bool has_named(const Descriptor& image, Activity* activity, const std::stop_token& stop) = 0;
  virtual BlobSent take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                             const std::stop_token& stop) = 0;
  /// By its digest. What it refers to is there.
  virtual void put_manifest(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) = 0;
  /// One that refers to the image (a signature, a bill of materials): can be found from its subject afterwards.
  virtual void put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) = 0;
  /// Puts the image itself and gives it its name. Call once, last; afterwards it survives a power cut.
  virtual void finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) = 0;
  virtual unsigned transfers_at_once() const { return 1; }
};

}  // namespace imgb
