#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "core/base/dir.h"
#include "core/base/task.h"
#include "core/store/layout_archive.h"
#include "registry/server/catalog.h"

namespace imgb::server {

/// An uncompressed tar of an OCI image layout, served in place: its members are found once, when it is opened. A file
/// that was put in its place is opened instead at the next question.
class TarCatalog : public Catalog {
 public:
  /// Errors: as list_tar; Error(input) when it holds no layout.
  TarCatalog(const std::filesystem::path& path, std::string own_name);

  std::optional<BlobFile> find_blob(const Digest& digest) const override;
  std::shared_ptr<const Index> index() const override;
  const std::string& own_name() const override { return own_name_; }

 private:
  struct Opened {
    std::shared_ptr<const Fd> file;
    FileIdentity identity;
    std::map<Digest, TarPlace> blobs;
    std::shared_ptr<const Index> index;
  };
  std::shared_ptr<const Opened> opened() const;
  std::shared_ptr<const Opened> open() const;

  Dir folder_;
  std::string file_name_, own_name_;
  mutable Guarded<std::shared_ptr<const Opened>> opened_;
};

}  // namespace imgb::server
