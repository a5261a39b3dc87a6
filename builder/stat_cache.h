#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/base/dir.h"
#include "core/base/time.h"

namespace imgb {

/// Digests of files that have not changed since they were read: what makes an unchanged context cost one walk and no
/// reads. A file is recognised by device, inode, size, mtime, ctime and mode; its name does not matter.
///
/// Racily clean (git's rule): a file whose mtime or ctime is not older than the moment it was read, by more than the
/// clock's grain, could change again without showing it. Such files are never remembered.
///
/// Format of one value of CacheTable::context_stat (key: the context's path): "imgbsc1\n", then records of 80 bytes in
/// ascending order of (device, inode): device, inode, size, mtime, ctime as 8 bytes each, mode as 4, flags as 4 (bit 0:
/// it has extended attributes), 32 bytes of SHA-256; little endian. Searched in place, nothing is parsed.
///
/// Threads: find and add may run at once.
class StatCache {
 public:
  explicit StatCache(std::string value = {});  ///< Anything but our format is an empty cache.

  struct Known {
    Digest content;
    bool has_xattrs = false;
  };
  std::optional<Known> find(const FileStat& file) const;
  /// Remembers what was read at `read_at` or later, if that is safe.
  void add(const FileStat& file, const Known& known, Nanoseconds read_at);
  bool changed() const;
  /// Old and new records together; records whose file was not asked for since are kept while they are no more than the
  /// others.
  std::string render() const;
  std::size_t size() const { return value_.empty() ? 0 : (value_.size() - 8) / kRecordBytes; }

  static constexpr std::size_t kRecordBytes = 80;

 private:
  std::string value_;
  std::unique_ptr<std::atomic<bool>[]> used_;  ///< By record.
  mutable std::mutex mutex_;
  std::vector<std::string> added_;
};

}  // namespace imgb
