#pragma once
#include <filesystem>
#include <memory>

#include "registry/server_store/store_catalog.h"

namespace imgb {

/// What a path means as something to serve: a store of imgb's or another OCI image layout (a folder), or an
/// uncompressed tar of one. To be written it becomes a store, and is made when it is not there; a tar cannot.
/// Error(not_found) when there is nothing, input when it is something else.
std::unique_ptr<server::Catalog> open_catalog(const std::filesystem::path& path, bool writable);
/// The same for a store that fills itself from other registries.
std::unique_ptr<server::StoreCatalog> open_filling_catalog(const std::filesystem::path& path, bool writable);

}  // namespace imgb
