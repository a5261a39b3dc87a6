#include "sandbox/stand_ins.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/copy_tree.h"
#include "sandbox/procfs.h"

namespace imgb {
namespace {

/// A change of a folder's content that leaves its time as it was.
template <class Change>
void keeping_time(const Dir& folder, Change change) {
  FileTime time = folder.stat("").mtime;
  change();
  folder.set_mtime("", time);
}

void make_folder(const Dir& parent, const std::string& name, std::uint32_t mode, std::uint32_t uid = 0,
                 std::uint32_t gid = 0) {
  parent.make_dir(name, 0700);
  parent.set_owner(name, uid, gid);
  parent.set_mode(name, mode);
}

bool is_folder(const StandIn& one, const StepSpec& spec) {
  if (std::holds_alternative<stand_in::File>(one.what) || std::holds_alternative<stand_in::Socket>(one.what))
    return false;
  const auto* copy = std::get_if<stand_in::Copy>(&one.what);
  if (!copy) return true;
  struct stat info {};
  int source = std::get<BindMount>(spec.mounts.at(copy->mount)).source_fd;
  if (::fstat(source, &info) < 0) throw_errno("looking at the source of {}", printable(one.target.str()));
  return S_ISDIR(info.st_mode);
}

constexpr std::uint32_t kMadeMode = 0755;  ///< Of folders on the way to a target.

/// Links and files that are in the way of a folder come as these.
bool is_in_the_way(int error) { return error == EEXIST || error == ENOTDIR || error == ELOOP; }

struct Node {
  const char* name;
  unsigned major, minor;
};
constexpr std::array kNodes = std::to_array<Node>(
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}});
constexpr std::array kLinks = std::to_array<std::pair<const char*, const char*>>({{"fd", "/proc/self/fd"},
                                                                                  {"stdin", "/proc/self/fd/0"},
                                                                                  {"stdout", "/proc/self/fd/1"},
                                                                                  {"stderr", "/proc/self/fd/2"}});

[[noreturn]] void throw_no_devices(const SystemError& e) {
  Error error(ErrorKind::unsupported, fmt::format("a step's /dev/null cannot be had here: {}", e.what()));
  throw error.set_hint(
      "--isolation=chroot makes its device nodes where the store is: give the container CAP_MKNOD (docker run "
      "--cap-add "
      "MKNOD), and put the store on a file system that is not mounted with nodev");
}

}  // namespace

StandIns::~StandIns() {
  try {
    restore();
  } catch (const std::exception&) {
    // A step that has failed anyway: its tree is dropped.
  }
}

/// `owner`: of what is made, which then stays.
Dir StandIns::open_parent(const RootedPath& path, const UserIds* owner) {
  RootedPath there = path;
  std::optional<Dir> dir;
  std::vector<std::string> missing;
  while (!(dir = tree_.find_dir(there.relative(), Links::in_root))) {
    missing.insert(missing.begin(), std::string(there.name()));
    there = there.parent();
  }
  try {
    for (const std::string& name : missing) {
      if (owner) {
        make_folder(*dir, name, 0755, owner->uid, owner->gid);
      } else {
        keeping_time(*dir, [&] { make_folder(*dir, name, kMadeMode); });
        made_.push_back({dir->duplicate(), name});
      }
      dir = dir->open_dir(name);
    }
  } catch (const SystemError& e) {
    if (!is_in_the_way(e.errno_value())) throw;
    throw_error(ErrorKind::input, "{} {}: {}", owner ? "working folder" : "mount target", printable(path.str()),
                std::strerror(ENOTDIR));
  }
  return *std::move(dir);
}

void StandIns::make_working_folder(const RootedPath& path, const UserIds& user) { open_parent(path, &user); }

void StandIns::put(const StandIn& one, const StepSpec& spec) {
  Put put;
  put.parent = open_parent(one.target.parent(), nullptr);
  put.name = one.target.name();
  put.target = one.target.str();
  if (auto there = put.parent.find_stat(put.name)) {
    bool folder = there->type == FileType::directory, link = there->type == FileType::symlink;
    if (!link && folder != is_folder(one, spec)) {
      if (folder)
        throw_error(ErrorKind::input, "a file cannot be mounted over {}: {}", printable(put.target),
                    std::strerror(EISDIR));
      throw_error(ErrorKind::input, "mount target {}: {}", printable(put.target), std::strerror(ENOTDIR));
    }
    std::string aside = std::to_string(put_.size());
    keeping_time(put.parent, [&] { put.parent.rename(put.name, aside_, aside, Dir::Rename::no_replace); });
    put.aside = std::move(aside);
  }
  put_.push_back(std::move(put));  // from here on it can be put back
  Put& mine = put_.back();
  in_context([&] { return "mount " + printable(mine.target); },
             [&] { keeping_time(mine.parent, [&] { make(mine.parent, mine.name, one, spec, mine); }); });
  mine.inode = mine.parent.stat(mine.name).inode;
}

void StandIns::make(const Dir& parent, const std::string& name, const StandIn& one, const StepSpec& spec, Put& put) {
  if (const auto* folder = std::get_if<stand_in::Folder>(&one.what)) {
    make_folder(parent, name, folder->mode, folder->uid, folder->gid);
  } else if (const auto* file = std::get_if<stand_in::File>(&one.what)) {
    write_all(parent.open_file(name, O_WRONLY | O_CREAT | O_EXCL, 0600), file->content, name);
    parent.set_owner(name, file->uid, file->gid);
    parent.set_mode(name, file->mode);
  } else if (const auto* copy = std::get_if<stand_in::Copy>(&one.what)) {
    make_copy(parent, name, std::get<BindMount>(spec.mounts.at(copy->mount)));
  } else if (const auto* moved = std::get_if<stand_in::Moved>(&one.what)) {
    const auto& bind = std::get<BindMount>(spec.mounts.at(moved->mount));
    bind.home->rename(bind.name_at_home, parent, name, Dir::Rename::no_replace);
    put.home = bind.home;
    put.name_at_home = bind.name_at_home;
  } else if (const auto* socket = std::get_if<stand_in::Socket>(&one.what)) {
    make_socket(parent, name, *socket);
  } else {
    make_devices(parent, name);
  }
}

void StandIns::make_devices(const Dir& parent, const std::string& name) {
  make_folder(parent, name, 0755);
  Dir dev = parent.open_dir(name);
  try {
    for (const Node& node : kNodes) {
      dev.make_node(node.name, FileType::character_device, 0666, makedev(node.major, node.minor));
      dev.set_mode(node.name, 0666);  // whatever the umask
    }
    dev.open_file("null", O_RDWR);
  } catch (const SystemError& e) {
    throw_no_devices(e);
  }
  for (auto [link, text] : kLinks) dev.make_symlink(text, link);
  make_folder(dev, "shm", 01777);
  make_folder(dev, "pts", 0755);
}

void StandIns::make_copy(const Dir& parent, const std::string& name, const BindMount& bind) {
  struct stat info {};
  if (::fstat(bind.source_fd, &info) < 0) throw_errno("looking at the source");
  if (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))
    throw_error(ErrorKind::unsupported, "no folder and no regular file: it cannot be copied");
  Fd source = Procfs::reopen(bind.source_fd, O_RDONLY);
  if (S_ISREG(info.st_mode)) return copy_file(source, parent, name);
  copy_tree(Dir(std::move(source), "the source"), parent, name, {});
}

/// By a name in the current folder of nobody: a path may be longer than an address of a socket.
void StandIns::make_socket(const Dir& parent, const std::string& name, const stand_in::Socket& socket) {
  Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listening) throw_errno("making a socket");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::string path = fmt::format("/proc/self/fd/{}/{}", parent.fd().get(), name);
  if (path.size() >= sizeof address.sun_path) throw_error(ErrorKind::input, "its name is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      ::listen(listening.get(), 16) < 0)
    throw_errno("binding a socket");
  parent.set_owner(name, socket.uid, socket.gid);
  parent.set_mode(name, socket.mode);
  sockets_.emplace_back(socket.mount, std::move(listening));
}

void StandIns::take_away(Put& put) {
  auto there = put.parent.find_stat(put.name);
  bool is_mine = there && there->inode == put.inode;
  keeping_time(put.parent, [&] {
    if (put.home && is_mine) {
      put.parent.rename(put.name, *put.home, put.name_at_home, Dir::Rename::no_replace);
      there.reset();
    } else if (put.home) {
      lost_.push_back(put.target);
    }
    if (there) put.parent.remove_tree(put.name);
    if (put.aside) aside_.rename(*put.aside, put.parent, put.name, Dir::Rename::no_replace);
  });
}

void StandIns::restore() {
  for (; !put_.empty(); put_.pop_back()) {
    try {
      take_away(put_.back());
    } catch (const SystemError& e) {
      // The step has removed the folder that it was in, and what was in it.
      if (e.errno_value() != ENOENT) throw;
    }
  }
  for (; !made_.empty(); made_.pop_back()) {
    const Made& made = made_.back();
    try {
      auto there = made.parent.find_stat(made.name);
      bool as_made = there && there->mode == kMadeMode && there->uid == 0 && there->gid == 0;
      if (as_made) keeping_time(made.parent, [&] { made.parent.remove(made.name); });
    } catch (const SystemError& e) {
      // What the step put into it is the step's, as is a folder that it gave another mode or owner.
      if (e.errno_value() != ENOTEMPTY && e.errno_value() != EEXIST && e.errno_value() != ENOENT) throw;
    }
  }
  if (std::vector<std::string> lost = std::exchange(lost_, {}); !lost.empty())
    throw_error(ErrorKind::input, "the step moved or removed what was mounted at {}", printable(join(lost, ", ")));
}

}  // namespace imgb
