#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/dir_place.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// A folder that is being emptied, and what is left to remove in it.
struct Level {
  Fd fd;
  std::vector<Dir::Entry> rest;
  std::string name;  ///< In the level above.
};

/// Opens a folder for emptying; one that forbids it is opened up first. nullopt: it is no folder (any more).
std::optional<Fd> open_to_empty(int at, const std::string& name, std::uint64_t device) {
  for (int attempt = 0;; ++attempt) {
    int fd = ::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
      Fd folder(fd);
      FileStat s = stat_of(folder, name);
      if (s.device != device) throw_error(ErrorKind::denied, "{} is a mount point, not removed", printable(name));
      if ((s.mode & 0700) != 0700 && ::fchmod(fd, 0700) < 0) throw_errno("open up folder {}", printable(name));
      return folder;
    }
    if (errno == EACCES && attempt == 0) {
      int path = ::openat(at, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (path < 0) throw_errno("open folder {}", printable(name));
      Fd held(path);
      if (::chmod(fmt::format("/proc/self/fd/{}", path).c_str(), 0700) < 0)
        throw_errno("open up folder {}", printable(name));
      continue;
    }
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
    throw_errno("open folder {}", printable(name));
  }
}

void unlink_one(int at, const std::string& name, int flags) {
  if (::unlinkat(at, name.c_str(), flags) < 0 && errno != ENOENT) throw_errno("remove {}", printable(name));
}

Level enter(Fd fd, std::string name) {
  std::vector<Dir::Entry> rest = Dir(fd.duplicate(), name).list();
  return {std::move(fd), std::move(rest), std::move(name)};
}

/// Levels are closed below this many: one fd per level would run out on a tree of 5,000.
constexpr std::size_t kMaxOpenLevels = 128;

void empty_folder(Fd top, std::uint64_t device, int depth_left) {
  std::vector<Level> levels;
  levels.push_back(enter(std::move(top), ""));
  while (!levels.empty()) {
    Level& level = levels.back();
    if (level.rest.empty()) {
      std::string name = std::move(level.name);
      levels.pop_back();
      if (!levels.empty()) unlink_one(levels.back().fd.get(), name, AT_REMOVEDIR);
      continue;
    }
    Dir::Entry entry = std::move(level.rest.back());
    level.rest.pop_back();
    if (entry.type != FileType::directory) {
      unlink_one(level.fd.get(), entry.name, 0);
      continue;
    }
    auto folder = open_to_empty(level.fd.get(), entry.name, device);
    if (!folder) {
      unlink_one(level.fd.get(), entry.name, 0);
    } else if (levels.size() < kMaxOpenLevels) {
      levels.push_back(enter(*std::move(folder), entry.name));
    } else {
      // Too deep to keep every level open: what hangs below is moved up beside this level's siblings and met again
      // there.
      if (depth_left == 0) throw_error(ErrorKind::input, "folders nested too deeply to remove");
      empty_folder(*std::move(folder), device, depth_left - 1);
      unlink_one(level.fd.get(), entry.name, AT_REMOVEDIR);
    }
  }
}

}  // namespace

void Dir::remove_tree(std::string_view path, Links links) const {
  Place place(*this, path, links);
  if (::unlinkat(place.at(), place.leaf(), 0) == 0) return;
  if (errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) throw_errno("remove {}/{}", name_, path);
  in_context([&] { return fmt::format("remove {}/{}", name_, path); },
             [&] {
               int above = ::openat(place.at(), ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
               if (above < 0) throw_errno("open folder");
               auto folder = open_to_empty(place.at(), place.leaf(), stat_of(Fd(above), name_).device);
               if (folder) {
                 std::uint64_t device = stat_of(*folder, path).device;
                 empty_folder(*std::move(folder), device, 64);
               }
               unlink_one(place.at(), place.leaf(), AT_REMOVEDIR);
             });
}

Xattrs Dir::xattrs(std::string_view path, Links links) const {
  std::string target;
  std::optional<Place> place;
  path = without_slashes(path);
  if (path.empty() || path == ".") {
    target = fmt::format("/proc/self/fd/{}/.", fd_.get());
  } else {
    place.emplace(*this, path, links);
    target = place->proc_path();
  }
  std::string names(1024, '\0');
  ssize_t size;
  while ((size = ::llistxattr(target.c_str(), names.data(), names.size())) < 0) {
    if (errno == EOPNOTSUPP) return {};
    if (errno != ERANGE) throw_errno("list attributes of {}/{}", name_, path);
    names.resize(names.size() * 4);
  }
  Xattrs found;
  for (std::string_view rest(names.data(), static_cast<std::size_t>(size)); !rest.empty();) {
    std::string key(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), key.size() + 1));
    std::string value(256, '\0');
    ssize_t got;
    while ((got = ::lgetxattr(target.c_str(), key.c_str(), value.data(), value.size())) < 0 && errno == ERANGE)
      value.resize(value.size() * 4);
    if (got < 0 && errno == ENODATA) continue;  // removed meanwhile
    if (got < 0) throw_errno("read attribute {} of {}/{}", key, name_, path);
    value.resize(static_cast<std::size_t>(got));
    found.emplace(std::move(key), std::move(value));
  }
  return found;
}

void Dir::set_xattr(std::string_view path, const std::string& key, std::string_view value, Links links) const {
  Place place(*this, path, links);
  if (::lsetxattr(place.proc_path().c_str(), key.c_str(), value.data(), value.size(), 0) < 0)
    throw_errno("set attribute {} of {}/{}", key, name_, path);
}

}  // namespace imgb
