#include "cli/served_catalog.h"

#include "core/base/error.h"
#include "registry/server/tar_catalog.h"
#include "registry/server_store/store_catalog.h"

namespace imgb {
namespace {

std::unique_ptr<server::Catalog> open_folder(const std::filesystem::path& path, std::string own_name) {
  Dir folder = Dir::open_host(path);
  if (server::StoreReader::is_store(folder))
    return std::make_unique<server::StoreReader>(std::move(folder), std::move(own_name));
  return std::make_unique<server::LayoutCatalog>(std::move(folder), std::move(own_name));
}

}  // namespace

std::unique_ptr<server::StoreCatalog> open_filling_catalog(const std::filesystem::path& path, bool writable) {
  std::error_code unknown;
  if (std::filesystem::status(path, unknown).type() == std::filesystem::file_type::regular)
    throw Error(ErrorKind::input, fmt::format("{} is a file: nothing can be put into it", path.string()))
        .set_hint("unpack it into a folder, or serve it as it is");
  using Takes = server::StoreCatalog::Takes;
  return server::StoreCatalog::open(path, server::repository_name_for(path), writable ? Takes::pushes : Takes::nothing);
}

std::unique_ptr<server::Catalog> open_catalog(const std::filesystem::path& path, bool writable) {
  std::error_code unknown;
  auto type = std::filesystem::status(path, unknown).type();
  std::string own_name = server::repository_name_for(path);
  if (writable) return open_filling_catalog(path, true);
  switch (type) {
    case std::filesystem::file_type::directory:
      return open_folder(path, own_name);
    case std::filesystem::file_type::regular:
      return std::make_unique<server::TarCatalog>(path, own_name);
    case std::filesystem::file_type::not_found:
      throw Error(ErrorKind::not_found, fmt::format("there is no {}", path.string()))
          .set_hint("give a store, an OCI image layout, or a mirror: a folder or an uncompressed tar");
    default:
      throw_error(ErrorKind::input, "{} is neither a folder nor a file", path.string());
  }
}

}  // namespace imgb
