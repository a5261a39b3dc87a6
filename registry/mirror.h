#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "core/oci/descriptor.h"
#include "core/oci/platform.h"
#include "core/store/layout_source.h"

namespace imgb {

// A mirror is an OCI image layout whose entries have whole names ("docker.io/library/debian:12") as their ref.name.
// What was chosen of an image stands beside it, so that `update` chooses the same again:

/// "linux/amd64,linux/arm64": the platforms of an index that are here. The index is kept as it is, byte for byte, lest
/// its digest and signatures change; what else it lists may be missing. Absent: all.
inline constexpr const char* kMirrorPlatforms = "dev.imgb.mirror.platforms";
/// "true": what refers to the image (signatures, bills of materials) comes along.
inline constexpr const char* kMirrorReferrers = "dev.imgb.mirror.referrers";

/// One entry of a mirror.
struct MirroredImage {
  std::string name;  ///< "" for one without: most often what refers to another (then `subject`).
  Descriptor image;
  std::vector<Platform> platforms = {};  ///< Empty: all.
  bool referrers = false;

  std::map<Digest, std::uint64_t> blobs =
      {};                                  ///< All it needs, itself included, with the sizes that its manifests say.
  std::optional<Digest> subject = {};      ///< Of what it refers to.
  std::vector<std::string> problems = {};  ///< What of it is missing or wrong, one line each. Empty: it is whole.

  std::uint64_t size_bytes() const;
  std::string label() const;  ///< The name, or the digest of one without.
};

/// The order of a mirror's entries: by name, then by digest. So the same images make the same bytes.
void sort_entries(std::vector<Descriptor>& entries);

/// What an entry of index.json says; its needs are not known then.
MirroredImage entry_of(const Descriptor& listed);

/// Every entry with what it needs; manifests are read and verified, other blobs are looked at for their sizes. Damage
/// is told in `problems`; Error only when index.json itself cannot be read.
std::vector<MirroredImage> read_mirror(const LayoutSource& mirror);

/// What all of them need, each blob once.
std::map<Digest, std::uint64_t> blobs_of(const std::vector<MirroredImage>& images);

/// Entries that nothing needs any more: they refer to an image that is no entry's, nor part of one's.
std::set<Digest> find_widowed(const std::vector<MirroredImage>& images);

/// What `verify` found.
struct MirrorReport {
  std::uint64_t blobs = 0, size_bytes = 0;  ///< Read and hashed.
  std::vector<std::string> problems;        ///< "docker.io/a/b:1: blob sha256:... is missing", one line each.
};
/// Reads every blob that the images need and compares it with its digest. `on_progress` hears bytes, from any thread.
MirrorReport verify_mirror(const LayoutSource& mirror, const std::function<void(std::uint64_t)>& on_progress,
                           const std::stop_token& stop);

/// What came between two states of a mirror.
struct MirrorDiff {
  struct Change {
    std::string name;
    std::optional<Digest> before, after;  ///< nullopt: it was not there, or is not any more.
  };
  std::vector<Change> changes;                ///< By name.
  std::map<Digest, std::uint64_t> new_blobs;  ///< That the later one needs and the earlier one lacks.
  std::uint64_t new_bytes() const;
};
MirrorDiff diff_mirrors(const std::vector<MirroredImage>& before, const std::vector<MirroredImage>& after);

}  // namespace imgb
