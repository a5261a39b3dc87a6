#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/dir.h"
#include "core/base/fd.h"

/// How Dir turns a path into a descriptor. Only the dir*.cc files use this.
namespace imgb::dir_detail {

/// openat2 below `dir`; -1 with errno set. Adds O_CLOEXEC, and O_NOCTTY where it means something. Error(unsupported)
/// on a kernel without openat2.
int open_below(int dir, std::string_view path, int flags, std::uint32_t mode, Links links);

/// The symlink-free path that `path` means when `root` is "/"; what does not exist is kept as it is written. -1 in
/// errno terms is a thrown SystemError (ELOOP after 40 links).
std::string resolve_in_root(int root, std::string_view path, bool follow_last);

/// openat with O_TMPFILE; -1 with errno set, of which has_no_unnamed says whether the file system is why.
int open_unnamed(int dir, int flags, std::uint32_t mode);
bool has_no_unnamed(int error);
/// Hidden, and no one else's: ".<stem>.<16 digits>".
std::string random_name(std::string_view stem);

/// A folder and a name in it, which no operation on it follows.
struct Place {
  Fd owned;          ///< The parent folder, unless it is the Dir itself: then nothing was opened.
  int folder;        ///< Its descriptor.
  std::string leaf;  ///< One component; "." for the Dir itself.
};
Place place_of(const Dir& dir, std::string_view path, Links links);
std::optional<Place> find_place(const Dir& dir, std::string_view path, Links links);  ///< nullopt: ENOENT, ENOTDIR.

std::string_view without_leading_slashes(std::string_view path);
std::string shown(const Dir& dir, std::string_view path);  ///< For messages.
inline bool is_absence(int error) { return error == 2 /*ENOENT*/ || error == 20 /*ENOTDIR*/; }
std::optional<FileType> type_of_mode(std::uint32_t st_mode);

}  // namespace imgb::dir_detail
