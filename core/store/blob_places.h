#pragma once
#include <functional>
#include <span>
#include <string>

#include "core/store/gc.h"
#include "core/store/image_places.h"
#include "core/store/store.h"

namespace imgb {

/// An image among blobs that are at hand: of a store, a layout, an archive.
class BlobsReader : public ImageReader {
 public:
  BlobsReader(std::string name, Descriptor image) : name_(std::move(name)), image_(std::move(image)) {}
  std::string name() const override { return name_; }
  FetchedManifest get_named(Activity* activity, const std::stop_token& stop) override;
  FetchedManifest get_manifest(const Descriptor& manifest, Activity* activity, const std::stop_token& stop) override;
  std::vector<Descriptor> list_referrers(const Digest& subject, Activity* activity,
                                         const std::stop_token& stop) override;
  std::unique_ptr<Source> open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity* activity,
                                    const std::stop_token& stop) override;
  void expect_blob(const Descriptor& blob) const override;

 protected:
  virtual std::unique_ptr<Source> open(const Digest& digest) const = 0;  ///< Verifies; Error(not_found).
  virtual std::optional<std::uint64_t> find_size(const Digest& digest) const = 0;
  virtual std::string place() const { return name_; }  ///< That blobs are in, for messages.
  virtual std::vector<Descriptor> roots() const = 0;   ///< What index.json lists: where referrers are found.

 private:
  std::string name_;
  Descriptor image_;
};

/// Of a store. Borrows it.
class StoreReader : public BlobsReader {
 public:
  StoreReader(const BlobStore& blobs, std::string name, Descriptor image, std::vector<Descriptor> roots = {})
      : BlobsReader(std::move(name), std::move(image)), blobs_(blobs), roots_(std::move(roots)) {}

 protected:
  std::unique_ptr<Source> open(const Digest& digest) const override { return blobs_.open(digest); }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override { return blobs_.find_size(digest); }
  std::string place() const override { return "the store"; }
  std::vector<Descriptor> roots() const override { return roots_; }

 private:
  const BlobStore& blobs_;
  std::vector<Descriptor> roots_;
};

/// Into imgb's store, under a name. Borrows it. Referrers are kept as the store's images without a name.
class StoreWriter : public ImageWriter {
 public:
  StoreWriter(Store& store, Reference name) : store_(store), name_(std::move(name)) {}
  std::string name() const override { return name_.familiar(); }
  bool has_named(const Descriptor& image, Activity* activity, const std::stop_token& stop) override;
  BlobSent take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                     const std::stop_token& stop) override;
  void put_manifest(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) override;
  unsigned transfers_at_once() const override { return 4; }

 private:
  Store& store_;
  Reference name_;
};

/// Skips what its owner has already; for sources that have to be read from the start to be verified.
void skip_bytes(Source& from, std::uint64_t bytes);
/// Whether everything that the image needs is there; not, when a manifest of it is damaged.
bool has_all(const Descriptor& image, const ReadManifest& read, const std::function<bool(const Digest&)>& is_there);
/// A manifest's bytes into a place of blobs.
void land_manifest(BlobLanding& into, const FetchedManifest& manifest);

}  // namespace imgb
