#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dir.h"
#include "core/base/task.h"

namespace imgb {

/// Attributes of an open file that matter: those of the layer, and overlayfs's own.
struct UpperXattrs {
  Xattrs layer;
  bool opaque = false, redirect = false, metacopy = false;
};
UpperXattrs read_upper_xattrs(const Fd& file, std::string_view what);

/// A regular file of an upper folder (hostile: V91).
struct UpperFile {
  FileStat stat;
  UpperXattrs xattrs;
  bool is_whole = false;  ///< A small one: it was read as well, and `content` is all there was.
  std::string content;
};
/// Opens without following a link, and never waits for the other end of a fifo.
Fd open_upper_file(const Dir& dir, const std::string& name);

/// Reads files of folders ahead of who takes them in order, on threads of its own: to open, look at, read and close a
/// small file are half a dozen system calls. Content of few megabytes is held at once, whatever there is.
/// Not shared between threads.
class UpperFiles {
 public:
  UpperFiles();

  /// The files of one folder, by their names. Outlived by its UpperFiles.
  class Folder {
   public:
    Folder(UpperFiles& files, std::vector<std::string> names) : files_(&files), names_(std::move(names)) {}
    /// The next one. `dir`: the folder, always the same.
    UpperFile take(const Dir& dir);

   private:
    void load_ahead(const Dir& dir);
    UpperFile take_loaded(const Dir& dir);
    UpperFiles* files_;
    std::vector<std::string> names_;
    std::size_t asked_ = 0;  ///< How many of them are loaded, or asked for.
    std::deque<std::future<std::vector<UpperFile>>> batches_;
    std::vector<UpperFile> batch_;
    std::size_t at_ = 0;
  };

 private:
  UpperFile load(const Dir& dir, const std::string& name);
  std::atomic<std::int64_t> room_bytes_;
  TaskGroup tasks_;  // last: it uses the others
};

}  // namespace imgb
