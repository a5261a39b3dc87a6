#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "builder/mount_spec.h"
#include "builder/step_services.h"
#include "core/base/dir.h"
#include "core/base/time.h"

namespace imgb {

/// Every name below ROOT/cache-mounts is made and read here:
///
///   <id>                 a cache of RUN --mount=type=cache: the SHA-256 of its id, and of `from`, owner and mode where
///                        they are given
///   <id>.<number>        further ones of a cache with sharing=private that several steps want at once
///   <id>.new-<random>    one being made, renamed when it is complete
///   <id>.lock            held by the steps that use <id>: shared, or exclusive for sharing=locked
///   <name>.private.lock  held by the step that uses <name> with sharing=private
/// The locks' mtime is when the cache was last used.
namespace cache_mounts {
inline constexpr std::string_view kFolder = "cache-mounts";
/// <id> of a mount without `from`.
std::string folder_of(const run_mount::Cache& cache);
/// What tells owner and mode of a mount from those of others; "" where they are as most are.
std::string owner_text(const run_mount::Cache& cache);
std::string numbered(const std::string& id, int number);  ///< 0: the id itself.
std::string new_name(const std::string& name);
std::string lock_name(std::string_view id);
std::string private_lock_name(std::string_view name);
}  // namespace cache_mounts

struct CacheMount {
  std::string name;
  std::uint64_t size_bytes = 0;  ///< On disk.
  Nanoseconds last_used = 0;
};

/// The content of the cache mount of that folder as a layer of its own: equal content gives an equal layer. nullopt:
/// there is none here. Waits for steps that use it.
std::optional<Layer> pack_cache_mount(Store& store, const std::string& name, const LayerOptions& options,
                                      const std::stop_token& stop);
/// Fills a folder with what pack_cache_mount made; the layer is in the store.
void unpack_cache_mount(StepServices& services, const Layer& layer, const Dir& into, Activity& activity,
                        const std::stop_token& stop);

/// Those that no step uses now, in any process.
std::vector<CacheMount> list_idle_cache_mounts(const Dir& folder);
/// False when a step uses it by now.
bool remove_cache_mount(const Dir& folder, const std::string& name);

}  // namespace imgb
