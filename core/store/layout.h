#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/base/digest.h"

// Every name below a store's root is made and parsed here.
namespace imgb::layout {

inline constexpr std::string_view kMarker = "oci-layout";
inline constexpr std::string_view kMarkerContent = R"({"imageLayoutVersion":"1.0.0"})";
/// The version that such a file names when it is one we do not know: of another number before the first dot. nullopt
/// for ours, and for what is no such file.
std::optional<std::string> find_unknown_version(std::string_view marker);
inline constexpr std::string_view kIndex = "index.json";
inline constexpr std::string_view kBlobs = "blobs";
inline constexpr std::string_view kIngest = "ingest";
inline constexpr std::string_view kLock = "lock";
inline constexpr std::string_view kIndexLock = "index.lock";
inline constexpr std::string_view kLeases = "leases";
inline constexpr std::string_view kCollectLock = "collect.lock";
inline constexpr std::string_view kBlobsLock = "blobs.lock";  ///< FileBlobStore's own.
inline constexpr std::string_view kCache = "cache.db";
inline constexpr std::string_view kCacheLock = "cache.lock";   ///< CacheDb's own.
inline constexpr std::string_view kQuarantine = "quarantine";  ///< What fsck and readers found damaged.

std::string blob_folder(DigestAlgorithm algorithm);  ///< "blobs/sha256"
std::string blob(const Digest& digest);              ///< "blobs/sha256/<hex>"
/// The digest that a file name in blob_folder(algorithm) means; nullopt for foreign files.
std::optional<Digest> find_blob(DigestAlgorithm algorithm, std::string_view file_name);
/// In quarantine/: "sha256-<hex>".
std::string quarantined(const Digest& digest);
std::string ingest(std::string_view file);  ///< "ingest/<file>": how a lease names it.
std::string partial(const Digest& digest);  ///< In ingest/: "sha256-<hex>", a download that may be continued.
std::optional<Digest> find_partial(std::string_view file_name);  ///< Of which blob it is.

}  // namespace imgb::layout
