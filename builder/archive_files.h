#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/base/dir.h"
#include "core/base/stream.h"
#include "core/store/store.h"
#include "layerfs/toc.h"

namespace imgb {

/// Regular files of something that holds an image. Paths come from hostile JSON: they never lead out, whatever they
/// say. Not shared between threads.
class ArchiveFiles {
 public:
  virtual ~ArchiveFiles() = default;
  /// A small file's content; nullopt when there is no such file. Error(input) when it is longer.
  virtual std::optional<std::string> find_text(std::string_view path, std::uint64_t max_bytes) = 0;
  virtual std::optional<std::uint64_t> find_size(std::string_view path) = 0;  ///< Bytes of a regular file.
  bool has(std::string_view path) { return find_size(path).has_value(); }
  /// One file by itself; Error(input) when there is none. Its readers may be used at once, and outlive nothing of this.
  virtual std::unique_ptr<Source> open(std::string_view path) = 0;
  /// Gives each of the files to `take`, in whatever order is cheapest. Error(input) names one that is missing.
  using Take = std::function<void(const std::string& path, Source& content, std::uint64_t size_bytes)>;
  virtual void read_all(const std::set<std::string>& paths, const Take& take) = 0;
};

/// Of a tar, plain or compressed. What is no regular file is kept in one without a name while this lives.
std::unique_ptr<ArchiveFiles> open_archive_files(Store& store, const Fd& archive, std::string_view what,
                                                 std::stop_token stop);
/// Of a folder.
std::unique_ptr<ArchiveFiles> open_folder_files(const Dir& folder);

}  // namespace imgb
