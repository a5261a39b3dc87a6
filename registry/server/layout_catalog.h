#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "core/base/dir.h"
#include "core/base/task.h"
#include "registry/server/catalog.h"

namespace imgb::server {

/// index.json, parsed again when the file has changed: one stat a question. A file that changed while the clock stood
/// still (the file system's runs in steps) is read once more.
class WatchedIndex {
 public:
  /// `text`: what the file holds, read when `stat` shows another file or a changed one.
  struct File {
    FileIdentity identity;
    std::function<std::string()> text;
  };
  std::shared_ptr<const Index> get(const File& file);

 private:
  struct Read {
    FileIdentity identity;
    bool settled = false;
    std::shared_ptr<const Index> index;
  };
  Guarded<Read> read_;
  std::mutex reading_;
};

/// A folder that is an OCI image layout, read in place. Nothing in it is trusted: links are not followed, and what is
/// no regular file is no blob.
class LayoutCatalog : public Catalog {
 public:
  /// Error(input) when the folder is none. `own_name` as Catalog says.
  LayoutCatalog(Dir root, std::string own_name);

  std::optional<BlobFile> find_blob(const Digest& digest) const override;
  std::shared_ptr<const Index> index() const override;
  const std::string& own_name() const override { return own_name_; }

 protected:
  const Dir& root() const { return root_; }

 private:
  Dir root_;
  std::string own_name_;
  mutable WatchedIndex watched_;
};

/// A name of a repository made from a file's: "Mirror 2024.tar" is "mirror-2024".
std::string repository_name_for(const std::filesystem::path& path);

}  // namespace imgb::server
