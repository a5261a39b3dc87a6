#pragma once
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/output_spec.h"
#include "core/base/dir.h"
#include "core/base/progress.h"
#include "core/base/stream.h"
#include "core/oci/descriptor.h"
#include "core/oci/reference.h"
#include "core/store/store.h"
#include "layerfs/snapshot_store.h"

namespace imgb {

/// An image of the store on its way out.
struct ExportedImage {
  Descriptor manifest;           ///< An image's manifest, or an index (OCI forms only).
  std::vector<Reference> names;  ///< May be empty.
};

/// Delivers the image as one `-o` says. `image` gives it its names in the store (or keeps it nameless); pushing it is
/// left to who knows registries: with the manifest that comes back. Files are written unseen next to `dest` and renamed
/// when complete (V105); devices, pipes and stdout are streamed. `out` is where "-" goes. Returns the manifest that was
/// delivered, which is another one where layers, media types or annotations were to be others; nullopt for forms
/// without one (tar, local). Errors: system (with the path), input (a layer no tool may unpack).
std::optional<Descriptor> export_image(Store& store, SnapshotStore& snapshots, const ExportedImage& image,
                                       const OutputSpec& output, const Fd& out,
                                       std::optional<std::int64_t> source_date_epoch, Progress& progress,
                                       std::stop_token stop);

// The forms by themselves; `imgb save` and `imgb export` use these.

/// An OCI image layout as one tar. The same images give the same bytes.
void write_oci_archive(Store& store, std::span<const ExportedImage> images, Sink& into, std::stop_token stop);
/// What `docker save` writes since version 25: an OCI layout that also has manifest.json, for old and new readers.
void write_docker_archive(Store& store, std::span<const ExportedImage> images, Sink& into, std::stop_token stop);
/// An OCI image layout in a folder; an existing layout there is added to.
void write_oci_folder(Store& store, std::span<const ExportedImage> images, const Dir& into, std::stop_token stop);
/// The root file system that the layers show, as one tar, sorted by path.
void write_root_archive(Store& store, SnapshotStore& snapshots, std::span<const Layer> layers,
                        std::optional<std::int64_t> source_date_epoch, Sink& into, std::stop_token stop);
/// The same as files in a folder. Owners, modes and special files as far as the caller's rights reach.
void write_root_folder(Store& store, SnapshotStore& snapshots, std::span<const Layer> layers,
                       std::optional<std::int64_t> source_date_epoch, const Dir& into, std::stop_token stop);

/// The image with its layers recompressed or its media types changed; the same descriptor when nothing changes. An
/// index has its images converted, those that are not in the store left out of what changes. Results are remembered, so
/// a second call costs nothing.
struct ConvertOptions {
  std::optional<Compression> compression;
  std::optional<int> level;
  bool force = false;        ///< Also layers that are compressed in another way; else only uncompressed ones.
  std::optional<bool> same;  ///< With `force`: also layers that are so compressed; unset: when there is a level.
  bool docker_types = false, oci_types = false;
  std::map<std::string, std::string> annotations;  ///< Added to the manifest.
};
Descriptor convert_image(Store& store, const Descriptor& manifest, const ConvertOptions& options, std::stop_token stop);

/// The layers of an image of the store.
std::vector<Layer> layers_of(Store& store, const Descriptor& manifest);

}  // namespace imgb
