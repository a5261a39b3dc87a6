#pragma once
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "core/oci/reference.h"
#include "core/store/copy_image.h"
#include "core/store/layout_folder.h"
#include "registry/mirror.h"

namespace imgb {

/// What is wanted of one image.
struct MirrorRequest {
  Reference name;                   ///< With its tag or digest.
  std::vector<Platform> platforms;  ///< Empty: all.
  bool referrers = false;
};

/// Brings the image that the name means at `from` into the mirror, or what it lacks of it; its name is then the
/// request's. What broke before is gone on with. Errors: as copy_image().
CopyResult mirror_image(LayoutFolder& mirror, const MirrorRequest& request, ImageReader& from, Activity* activity,
                        const std::stop_token& stop);

/// What the mirror was asked for, as its entries say: for `update`.
std::vector<MirrorRequest> requests_of(const LayoutFolder& mirror);

/// Takes the names away; their blobs stay until they are pruned. Error(not_found), with what there is, changes nothing.
void remove_names(const LayoutFolder& mirror, const std::vector<std::string>& names);

/// What nothing needs.
struct MirrorGarbage {
  std::set<Digest> widowed;  ///< Entries that refer to an image which is gone (find_widowed).
  std::vector<Digest> blobs;
  std::uint64_t size_bytes = 0;
};
/// Error(corrupt) when an image is not whole: what it needs is then unknown.
MirrorGarbage find_garbage(const LayoutFolder& mirror);
/// Partial downloads go as well. REQUIRES: nobody adds images meanwhile.
void remove_garbage(const LayoutFolder& mirror, const MirrorGarbage& garbage);

// --- deltas: what a site lacks ---

/// Writes all entries of `now`, but of their blobs only those that are not in `there`.
void export_delta(const LayoutSource& now, const std::set<Digest>& there, LayoutFolder& into, Activity* activity,
                  const std::stop_token& stop);

struct ImportResult {
  std::size_t images = 0, removed = 0, blobs = 0;
  std::uint64_t size_bytes = 0;  ///< Of the blobs.
};
/// Brings blobs and entries of a delta (or of a whole mirror) into the mirror. Names that the delta does not have stay,
/// unless `exact`. Afterwards each of its images is whole: otherwise Error(not_found) says what is missing, and the
/// entries are as they were.
ImportResult import_delta(const LayoutSource& delta, LayoutFolder& mirror, bool exact, Activity* activity,
                          const std::stop_token& stop);

}  // namespace imgb
