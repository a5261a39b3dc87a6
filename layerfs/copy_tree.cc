#include "layerfs/copy_tree.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <vector>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/task.h"
#include "layerfs/toc.h"
#include "layerfs/upper_files.h"
#include "layerfs/upper_writer.h"

namespace imgb {
namespace {

bool is_no_copy_within(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

/// One run of bytes; without copy_file_range (another file system, an old kernel, a filter) through memory.
void copy_range(const Fd& from, const Fd& to, off_t begin, off_t end, std::string_view what) {
  for (off_t in = begin, out = begin; in < end;) {
    ssize_t copied = ::copy_file_range(from.get(), &in, to.get(), &out, static_cast<std::size_t>(end - in), 0);
    if (copied > 0 || (copied < 0 && errno == EINTR)) continue;
    if (copied < 0 && !is_no_copy_within(errno)) throw_errno("copy {}", what);
    if (::lseek(from.get(), in, SEEK_SET) < 0 || ::lseek(to.get(), in, SEEK_SET) < 0) throw_errno("copy {}", what);
    std::vector<std::byte> buffer(kStreamBufferBytes);
    while (in < end) {
      std::size_t part = std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - in));
      std::size_t got = read_some(from, std::span(buffer).first(part), what);
      if (got == 0) return;
      write_all(to, std::span<const std::byte>(buffer).first(got), what);
      in += static_cast<off_t>(got);
    }
  }
}

void copy_content(const Fd& from, const Fd& to, std::uint64_t size_bytes, std::string_view what) {
  if (size_bytes == 0 || ::ioctl(to.get(), FICLONE, from.get()) == 0) return;
  auto size = static_cast<off_t>(size_bytes);
  if (::ftruncate(to.get(), size) < 0) throw_errno("copy {}", what);
  for (off_t begin = 0; begin < size;) {
    off_t data = ::lseek(from.get(), begin, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;  // a hole up to the end
    if (data < 0) data = begin;              // a file system that knows no holes
    off_t hole = ::lseek(from.get(), data, SEEK_HOLE);
    off_t end = hole < 0 ? size : hole;
    copy_range(from, to, data, end, what);
    begin = end;
  }
}

FileMeta meta_of(const FileStat& stat) {
  return {
      .type = stat.type, .mode = stat.mode, .uid = stat.uid, .gid = stat.gid, .mtime = stat.mtime, .rdev = stat.rdev};
}

class TreeCopy {
 public:
  TreeCopy(const Dir& from, Dir into) : from_(from), writer_(into.duplicate(), 0), into_(std::move(into)) {}

  void run(const std::stop_token& stop) {
    std::vector<RootedPath> folders = {RootedPath()};
    for (std::size_t i = 0; i < folders.size(); ++i) {
      throw_if_stopped(stop);
      RootedPath path = folders[i];
      Dir from = from_.open_dir(path.relative()), into = into_.open_dir(path.relative());
      for (const Dir::Entry& entry : from.list()) {
        RootedPath inside = path.child(entry.name);
        FileStat stat = from.stat(entry.name);
        if (stat.type == FileType::directory) {
          into.make_dir(entry.name, 0700);
          folders.push_back(std::move(inside));
        } else {
          copy_file(from, into, entry.name, inside, stat);
        }
      }
    }
    for (auto path = folders.rbegin(); path != folders.rend(); ++path) {
      Dir from = from_.open_dir(path->relative());
      copy_metadata(from.open_file("", O_RDONLY | O_DIRECTORY),
                    into_.open_dir(path->relative()).open_file("", O_RDONLY | O_DIRECTORY), path->str());
    }
  }

 private:
  void copy_file(const Dir& from, const Dir& into, const std::string& name, const RootedPath& path,
                 const FileStat& stat) {
    if (stat.link_count > 1) {
      auto [first, is_first] = links_.try_emplace({stat.device, stat.inode}, path);
      if (!is_first) return into_.make_hard_link(first->second.relative(), path.relative());
    }
    if (stat.type == FileType::regular) {
      imgb::copy_file(open_upper_file(from, name), into, name);
    } else if (stat.type != FileType::socket) {
      FileMeta meta = meta_of(stat);
      if (stat.type == FileType::symlink) meta.link_target = from.read_link(name);
      writer_.make_special(path, meta);
    }
  }

  const Dir& from_;
  UpperWriter writer_;
  Dir into_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, RootedPath> links_;
};

}  // namespace

void copy_tree(const Dir& from, const Dir& into, const std::string& name, const std::stop_token& stop) {
  into.make_dir(name, 0700);
  TreeCopy(from, into.open_dir(name)).run(stop);
}

void copy_file(const Fd& from, const Dir& into, const std::string& name) {
  Fd copy = into.open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  copy_content(from, copy, stat_of(from, name).size_bytes, name);
  copy_metadata(from, copy, name);
}

void copy_metadata(const Fd& from, const Fd& to, std::string_view what) {
  FileMeta meta = meta_of(stat_of(from, what));
  meta.xattrs = read_upper_xattrs(from, what).layer;
  apply_metadata(to, meta, what);
}

bool has_reflinks(const Dir& folder) {
  Fd one = folder.open_spool(O_RDWR, 0600), other = folder.open_spool(O_RDWR, 0600);
  write_all(one, "x", "a probe");
  return ::ioctl(other.get(), FICLONE, one.get()) == 0;
}

}  // namespace imgb
