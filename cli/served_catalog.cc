#include "cli/served_catalog.h"

#include "core/base/error.h"
#include "registry/server/layout_catalog.h"
#include "registry/server/tar_catalog.h"

namespace imgb {

std::unique_ptr<server::Catalog> open_catalog(const std::filesystem::path& path) {
  std::error_code unknown;
  auto status = std::filesystem::status(path, unknown);
  std::string own_name = server::repository_name_for(path);
  switch (status.type()) {
    case std::filesystem::file_type::directory:
      return std::make_unique<server::LayoutCatalog>(Dir::open_host(path), own_name);
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
