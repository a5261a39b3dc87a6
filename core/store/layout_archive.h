#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/store/layout_source.h"

namespace imgb {

/// Where a file of a tar lies in it.
struct TarPlace {
  std::uint64_t offset = 0, size_bytes = 0;
};
/// The regular files of an uncompressed tar, by name without a leading "./"; of a name that comes twice the last.
/// Headers alone are read. Error(input) on what is no tar, is compressed or cut short; Error(unsupported) on files in
/// pieces (sparse).
std::map<std::string, TarPlace> list_tar(const Fd& file, const std::string& what);

/// An OCI image layout in an uncompressed tar, read in place. Everything in it is hostile: names mean files of the tar
/// alone, and blobs are verified. Threads: all functions may be called at once.
class LayoutArchive : public LayoutSource {
 public:
  explicit LayoutArchive(const std::filesystem::path& path);  ///< Error(input) when it is none.

  std::string name() const override { return name_; }
  std::vector<Descriptor> images() const override { return images_; }
  std::unique_ptr<Source> open_blob(const Digest& digest) const override;
  std::optional<std::uint64_t> find_size(const Digest& digest) const override;

 private:
  std::string text_at(const TarPlace& place, std::uint64_t max_bytes) const;

  std::string name_;
  Fd file_;
  std::map<std::string, TarPlace> files_;
  std::vector<Descriptor> images_;
};

}  // namespace imgb
