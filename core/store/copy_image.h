#pragma once
#include <set>
#include <vector>

#include "core/store/image_places.h"

namespace imgb {

struct CopyOptions {
  /// None: all that an index has. One: that image alone, without an index. Several: an index of these (and of the
  /// attestations about them), which is another one than the source's when that has more.
  std::vector<Platform> platforms;
  /// With platforms: the index stays as it is, byte for byte, and only what they need of it comes along.
  bool keep_index = false;
  bool referrers = false;  ///< With what refers to the image and its parts, and to that in turn.
};
/// The entries of an index that the platforms need: for each the best, and the attestations about these. Without
/// platforms all. Error(not_found) as choose_platform.
std::set<Digest> children_for(const Index& index, const std::vector<Platform>& platforms);

/// Whether its licence lets it leave where it is (layers that are "nondistributable", "foreign").
bool may_be_distributed(const Descriptor& blob);

struct CopyResult {
  Descriptor image;                                 ///< What the name means at the destination.
  bool is_new_index = false;                        ///< An index cut down to the platforms.
  std::size_t present = 0, mounted = 0, moved = 0;  ///< Blobs; none when the image was there already.
  std::uint64_t moved_bytes = 0;
  std::size_t referrers = 0;
};

/// Brings an image from one place to another: what it is made of is looked up first, then blobs go, several at once,
/// then manifests byte for byte, what refers to others after these, the named one last, so that whoever sees a manifest
/// can have what it needs. What is there is not sent; when the name means this image already, no blob is asked for.
/// Layers that may not be distributed stay where they are. Borrows both ends for the call.
///
/// Errors: as the two places; not_found also when a platform is not there; unsupported on indexes nested deeper than 4,
/// on entries that are no images, and on more than 1,000 referrers or 10,000 manifests (V58, V59, V70). After any error
/// a later call goes on with what has arrived.
CopyResult copy_image(ImageReader& from, ImageWriter& to, const CopyOptions& options, Activity* activity,
                      const std::stop_token& stop);

}  // namespace imgb
