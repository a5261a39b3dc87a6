#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dir.h"
#include "core/store/blob_places.h"
#include "core/store/layout_source.h"

namespace imgb {

/// An OCI image layout in a folder that any tool may have made and may use next: oci-layout, index.json, blobs/. What
/// is read of it is verified; what is written is synced before index.json names it. While blobs are written there is a
/// folder ingest/ with the parts, which another attempt goes on with; the last tidy() takes it away.
/// Threads: all functions may be called at once. Spec: OCI image-spec v1.1, image-layout.md.
class LayoutFolder : public BlobLanding, public LayoutSource {
 public:
  static LayoutFolder open(const std::filesystem::path& path);  ///< Error(input) when it is no layout.
  static LayoutFolder make(const std::filesystem::path& path);  ///< Opens or makes it; Error(input) on other content.

  const Dir& root() const { return root_; }
  std::unique_ptr<BlobWriter> create_expected(const Descriptor& expected) override;
  std::string name() const override { return root_.name(); }
  std::unique_ptr<Source> open_blob(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;
  std::vector<Descriptor> images() const override;
  std::map<Digest, std::uint64_t> list_blobs() const;  ///< With their sizes, needed or not.
  /// Changes the entries; index.json is replaced under a lock of the folder, after all blobs are on disk.
  void change_images(const std::function<void(std::vector<Descriptor>&)>& edit) const;
  void remove_blob(const Digest& digest) const;
  void tidy() const;  ///< Removes ingest/ when nothing is left in it.

 private:
  explicit LayoutFolder(Dir root) : root_(std::move(root)) {}
  Index index() const;
  Dir root_;
};

inline constexpr const char* kRefNameAnnotation = "org.opencontainers.image.ref.name";

/// The entry that `reference` means: a digest; else exactly what a tool annotated as its ref.name; else that as the tag
/// of a whole name there. Empty: the only one. Error(not_found) lists what there is.
const Descriptor& choose_layout_image(std::span<const Descriptor> images, std::string_view reference,
                                      const std::string& what);

/// An image of a layout. Borrows it.
class LayoutReader : public BlobsReader {
 public:
  LayoutReader(const LayoutSource& layout, std::string name, Descriptor image)
      : BlobsReader(std::move(name), std::move(image)), layout_(layout) {}

 protected:
  std::unique_ptr<Source> open(const Digest& digest) const override { return layout_.open_blob(digest); }
  std::optional<std::uint64_t> find_size(const Digest& digest) const override { return layout_.find_size(digest); }
  std::vector<Descriptor> roots() const override { return layout_.images(); }

 private:
  const LayoutSource& layout_;
};

/// `annotations`: of the image's entry in index.json, most often kRefNameAnnotation; the entry takes the place of those
/// that say the same of themselves. Without any, one image is there once, nameless.
class LayoutWriter : public ImageWriter {
 public:
  LayoutWriter(LayoutFolder& folder, std::string name, std::map<std::string, std::string> annotations)
      : folder_(folder), name_(std::move(name)), annotations_(std::move(annotations)) {}
  std::string name() const override { return name_; }
  bool has_named(const Descriptor& image, Activity* activity, const std::stop_token& stop) override;
  BlobSent take_blob(const Descriptor& blob, ImageReader& from, Activity* activity,
                     const std::stop_token& stop) override;
  void put_manifest(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void put_referrer(const FetchedManifest& manifest, Activity* activity, const std::stop_token& stop) override;
  void finish(const FetchedManifest& image, Activity* activity, const std::stop_token& stop) override;
  unsigned transfers_at_once() const override { return 4; }

 private:
  LayoutFolder& folder_;
  std::string name_;
  std::map<std::string, std::string> annotations_;
  std::vector<Descriptor> referrers_;  ///< Entries of index.json that finish() adds.
};

}  // namespace imgb
