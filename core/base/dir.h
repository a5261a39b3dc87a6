#pragma once
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"
#include "core/base/rooted_path.h"

namespace imgb {

enum class FileType : std::uint8_t { regular, directory, symlink, character_device, block_device, fifo, socket };

/// Nanoseconds since the epoch; may be negative.
using FileTime = std::int64_t;

/// What lstat tells, in our words. `mode` is the permission bits with suid, sgid and sticky (07777).
struct FileStat {
  FileType type = FileType::regular;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint64_t size_bytes = 0;
  FileTime mtime = 0, ctime = 0;
  std::uint64_t device = 0, inode = 0, link_count = 0;
  std::uint64_t rdev = 0;
  std::uint64_t disk_bytes = 0;  ///< What it takes on disk: less than its size when it has holes.
};

/// How symbolic links in a path behave. Magic links (/proc/*/fd) are refused always; nothing leads out of the folder.
enum class Links {
  refuse,                 ///< Any symlink on the way, the last component included, fails with ELOOP.
  in_root,                ///< Followed as if this folder were "/": absolute targets and ".." stay inside.
  in_root_nofollow_last,  ///< As in_root, but the last component is not followed (O_NOFOLLOW).
};

using Xattrs = std::map<std::string, std::string>;

/// The one class through which files below a root are reached: an open folder, and operations on paths below it.
///
/// Every path is relative to this folder ("a/b"; a leading "/" is dropped; "" or "." is the folder itself) and is
/// resolved by the kernel from this fd with openat2: it cannot name anything outside. Operations that create, remove or
/// rename act on the last component in the parent folder, whose path is resolved by `links`, and never follow the last
/// component. Paths longer than PATH_MAX are walked in pieces.
///
/// Errors: SystemError with the errno and the path; ELOOP or EXDEV mean that the path tried to leave or crossed a link.
/// Threads: const operations may run at once.
class Dir {
 public:
  Dir() = default;
  explicit Dir(Fd fd, std::string name);  ///< `name` is for messages: the host path or what it is.
  /// The only door from host path strings. Follows symlinks: call it on what the user named, never on image content.
  static Dir open_host(const std::filesystem::path& path);
  static Dir make_host(const std::filesystem::path& path, std::uint32_t mode);  ///< mkdir -p, then open.

  const Fd& fd() const { return fd_; }
  const std::string& name() const { return name_; }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  Dir duplicate() const;

  // --- opening ---
  Dir open_dir(std::string_view path, Links links = Links::refuse) const;
  std::optional<Dir> find_dir(std::string_view path,
                              Links links = Links::refuse) const;  ///< nullopt on ENOENT, ENOTDIR.
  /// `flags` as for open(2); O_CLOEXEC and O_NOCTTY are added.
  Fd open_file(std::string_view path, int flags, std::uint32_t mode = 0, Links links = Links::refuse) const;
  std::optional<Fd> find_file(std::string_view path, int flags, Links links = Links::refuse) const;
  /// A regular file's whole content. Never blocks on a fifo; another type is Error(input), too long as well.
  std::string read_file(std::string_view path, std::uint64_t max_bytes, Links links = Links::refuse) const;
  std::optional<std::string> find_content(std::string_view path, std::uint64_t max_bytes,
                                          Links links = Links::refuse) const;
  /// O_TMPFILE in this folder, for link_unnamed; nullopt where the file system has none (NFS, FUSE).
  std::optional<Fd> find_unnamed(int flags, std::uint32_t mode) const;
  /// A file in this folder that is gone with its descriptor and never gets a name: on every file system.
  Fd open_spool(int flags, std::uint32_t mode) const;

  // --- looking ---
  FileStat stat(std::string_view path, Links links = Links::in_root_nofollow_last) const;
  std::optional<FileStat> find_stat(std::string_view path, Links links = Links::in_root_nofollow_last) const;
  bool leads_to(std::string_view path, const Fd& file) const;  ///< The path is a name of this very file.
  std::string read_link(std::string_view path, Links links = Links::in_root_nofollow_last) const;
  struct Entry {
    std::string name;
    FileType type;
  };
  /// Without "." and "..", sorted by bytes of the name. A folder that was removed meanwhile has none.
  std::vector<Entry> list() const;
  /// The same, spending this descriptor's own offset: for who opened the folder to list it once, and shares it with
  /// none.
  std::vector<Entry> list_once();
  Xattrs xattrs(std::string_view path, Links links = Links::in_root_nofollow_last) const;
  std::uint64_t free_bytes() const;  ///< The most there is where the file system does not count (ramfs).
  std::optional<std::uint64_t> free_inodes() const;  ///< nullopt where the file system has no fixed number of them.

  // --- creating; the last component must not exist unless said otherwise ---
  void make_dir(std::string_view path, std::uint32_t mode, Links links = Links::refuse) const;
  /// mkdir -p below this folder; existing folders are left as they are. `made` hears of each created one, parents
  /// first.
  Dir make_dirs(std::string_view path, std::uint32_t mode, Links links = Links::refuse,
                const std::function<void(const Dir&)>& made = {}) const;
  void make_symlink(std::string_view target, std::string_view path, Links links = Links::refuse) const;
  void make_node(std::string_view path, FileType type, std::uint32_t mode, std::uint64_t rdev,
                 Links links = Links::refuse) const;
  void make_hard_link(std::string_view existing, std::string_view path, Links links = Links::refuse) const;
  void link_unnamed(const Fd& file, std::string_view path) const;  ///< Gives an O_TMPFILE its name; EEXIST throws.
  /// The same in the place of what has that name, synced as replace_file does.
  void replace_by_unnamed(const Fd& file, std::string_view path) const;
  /// Replaces the file's content atomically, or makes it: unnamed or temporary file, fsync, rename, fsync of the
  /// folder. Without the syncs (Sync::later) it is atomic for other processes, not for a power cut.
  enum class Sync { now, later };
  void replace_file(std::string_view path, std::string_view content, std::uint32_t mode, Sync sync = Sync::now) const;
  /// The same with what `fill` writes, which may be called again.
  void replace_file(std::string_view path, std::uint32_t mode, Sync sync,
                    const std::function<void(const Fd&)>& fill) const;

  // --- removing and renaming ---
  enum class Rename { replace, no_replace, exchange };
  void rename(std::string_view from, const Dir& to_dir, std::string_view to, Rename how = Rename::replace) const;
  bool remove(std::string_view path, Links links = Links::refuse) const;  ///< File or empty folder; false if absent.
  /// Depth first by folder fd, never through a link, crossing no mount. Restores write permission on folders it must
  /// enter. Absent is fine, and so is another that removes the same.
  void remove_tree(std::string_view path, Links links = Links::refuse) const;

  // --- metadata; never follows the last component ---
  void set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid, Links links = Links::refuse) const;
  void set_mode(std::string_view path, std::uint32_t mode, Links links = Links::refuse) const;  ///< Not for symlinks.
  void set_mtime(std::string_view path, FileTime mtime, Links links = Links::refuse) const;
  void set_xattr(std::string_view path, const std::string& key, std::string_view value,
                 Links links = Links::refuse) const;
  void sync() const;  ///< fsync of the folder itself.

 private:
  Fd fd_;
  std::string name_;
};

FileStat stat_of(const Fd& fd, std::string_view what);

}  // namespace imgb
