#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/task.h"
#include "core/store/image_places.h"

namespace imgb {

/// Several images, wherever each of them is, read as one index of them. Of an index that is joined the entries are
/// taken, not the index. An image that is no index's says in its config what it is for.
class JoinedImages : public ImageReader {
 public:
  explicit JoinedImages(std::string name) : name_(std::move(name)) {}

  /// `platforms`: of an index these alone (with attestations about them); none: all. Error(input) when there is an
  /// image for the platform already.
  void add(std::unique_ptr<ImageReader> source, const std::vector<Platform>& platforms, const std::stop_token& stop);
  void annotate(const std::string& key, const std::string& value) { index_.annotations[key] = value; }
  /// The entry for the platform. Error(input) when there is none.
  void annotate(const Platform& platform, const std::string& key, const std::string& value);

  std::string name() const override { return name_; }
  /// A Docker manifest list where all images are Docker's and nothing is annotated, an OCI index otherwise.
  FetchedManifest get_named(Activity* activity, const std::stop_token& stop) override;
  FetchedManifest get_manifest(const Descriptor& manifest, Activity* activity, const std::stop_token& stop) override;
  std::vector<Descriptor> list_referrers(const Digest& subject, Activity* activity,
                                         const std::stop_token& stop) override;
  std::unique_ptr<Source> open_blob(const Descriptor& blob, std::uint64_t from_bytes, Activity* activity,
                                    const std::stop_token& stop) override;
  void fetch_blob(const Descriptor& blob, BlobLanding& into, Activity* activity, const std::stop_token& stop) override;
  void expect_blob(const Descriptor& blob) const override { source_of(blob.digest).expect_blob(blob); }
  std::optional<Reference> repository_of(const Digest& blob) const override {
    return source_of(blob).repository_of(blob);
  }

 private:
  void add_entry(Descriptor entry, ImageReader& source);
  void note(const FetchedManifest& manifest, ImageReader& source);
  ImageReader& source_of(const Digest& digest) const;

  std::string name_;
  Index index_;
  std::vector<std::unique_ptr<ImageReader>> sources_;
  Guarded<std::map<Digest, ImageReader*>> where_;  ///< Of all that is known so far.
};

}  // namespace imgb
