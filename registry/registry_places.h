#pragma once
#include <functional>
#include <string>

#include "core/base/task.h"
#include "core/store/image_places.h"
#include "registry/client.h"

namespace imgb {

/// An image of a registry, or of the mirrors that the user's settings give for it. Borrows the client.
class RegistryReader : public ImageReader {
 public:
  RegistryReader(RegistryClient& client, Reference name) : client_(client), name_(std::move(name)) {}
  std::string name() const override { return name_.familiar(); }
  FetchedManifest get_named(Activity* activity, const std::stop_token& stop) override;
  FetchedManifest get_manifest(const Descriptor& manifest, Activity* activity, const std::stop_token& stop) override;
  std::vector<Descriptor> list_referrers(const Digest& subject, Activity* activity,
                                         const std::stop_token& stop) override;
  std::unique_ptr<Source> open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity* activity,
                                    const std::stop_token& stop) override;
  void fetch_blob(const Descriptor& blob, BlobLanding& into, Activity* activity, const std::stop_token& stop) override;
  std::optional<Reference> repository_of(const Digest&) const override { return name_; }

 private:
  RegistryClient& client_;
  Reference name_;
};

/// A repository of the same registry that may have the blob; "" for none.
using FindMountSource = std::function<std::string(const Digest& blob)>;

/// Into a registry, never into a mirror of it. A blob is looked for, asked for from another repository of the registry
/// (the image's own place, or what `mount_from` says), then sent, straight from where it is read. Borrows the client.
class RegistryWriter : public ImageWriter {
 public:
  RegistryWriter(RegistryClient& client, Reference name, FindMountSource mount_from = {})
      : client_(client), name_(std::move(name)), mount_from_(std::move(mount_from)) {}
  std::string name() const override { return name_.familiar(); }
  bool has_named(const Descriptor& image, Activity* activity, const std::stop_token& stop) override;
  BlobSent take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                     const std::stop_token& stop) override;
  void put_manifest(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  /// Error(input) when the name has a digest and the image is another.
  void finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) override;
  unsigned transfers_at_once() const override { return 4; }

 private:
  std::string mount_source(const Digest& blob, const ImageReader& from) const;
  void put(const Reference& name, const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop);

  RegistryClient& client_;
  Reference name_;
  FindMountSource mount_from_;
};

}  // namespace imgb
