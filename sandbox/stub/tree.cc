#include "sandbox/stub/tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace imgb::stub {
namespace {

constexpr int kMaxLinks = 40;

/// "/a/b" as the kernel wants it below a folder: "a/b", "." for the root.
const char* relative(const char* path) {
  while (*path == '/') ++path;
  return *path ? path : ".";
}

/// The rest of a path that is still to be walked; links put their text in front.
class Rest {
 public:
  explicit Rest(std::string_view path) { text_ << path; }
  bool next(Text& component) {
    std::string_view all = text_.view().substr(at_);
    while (all.starts_with('/')) all.remove_prefix(1), ++at_;
    if (all.empty()) return false;
    std::string_view first = all.substr(0, all.find('/'));
    at_ += first.size();
    component.shorten(0);
    component << first;
    return true;
  }
  bool last() const { return text_.view().find_first_not_of('/', at_) == std::string_view::npos; }
  void put_in_front(std::string_view link) {
    Text joined;
    joined << link << "/" << text_.view().substr(at_);
    text_ = joined;
    at_ = 0;
  }

 private:
  Text text_;
  std::size_t at_ = 0;
};

/// What a target with an owner is for: the program begins there.
const char* what(const Owner* keep) { return keep ? "working folder" : "mount target"; }

void drop_last(Text& path) {
  auto slash = path.view().rfind('/');
  path.shorten(slash == std::string_view::npos ? 0 : slash);
}

}  // namespace

Tree::Tree(int root, const Control& control) : root_(root), control_(&control) {
  struct stat info {};
  control.check(::fstat(root, &info), "looking at the root");
  root_device_ = info.st_dev;
}

int Tree::find(std::string_view path) const {
  Text text;
  text << path;
  return open_below(root_, relative(text.c_str()), O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

void Tree::check_kind(int place, Kind kind, std::string_view path, const Owner* keep) const {
  struct stat info {};
  control_->check(::fstat(place, &info), "looking at", path);
  if (S_ISDIR(info.st_mode) == (kind == Kind::folder)) return;
  if (kind == Kind::file) control_->fail(Failure::bad_target, EISDIR, "a file cannot be mounted over", path);
  control_->fail(Failure::bad_target, ENOTDIR, what(keep), path);
}

/// Makes one missing component, and undoes what that did to the parent's time.
int Tree::make(int parent, const char* name, std::string_view path, Kind kind, const Owner* keep) const {
  struct stat before {};
  control_->check(::fstat(parent, &before), "looking above", path);
  unsigned mode = keep ? keep->mode : kind == Kind::folder ? 0755 : 0644;
  if (kind == Kind::folder) {
    control_->check(::mkdirat(parent, name, mode), "making mount target", path);
  } else {
    int file = ::openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, mode);
    ::close(control_->check(file, "making mount target", path));
  }
  int made = open_below(parent, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  control_->check(made, "opening mount target", path);
  if (keep) {
    if (keep->uid || keep->gid)
      control_->check(::fchownat(made, "", keep->uid, keep->gid, AT_EMPTY_PATH), "giving an owner to", path);
    return made;
  }
  if (before.st_dev != root_device_) return made;  // not of the root file system
  timespec times[2] = {{0, UTIME_OMIT}, before.st_mtim};
  ::utimensat(parent, "", times, AT_EMPTY_PATH);  // a file system without times loses nothing
  control_->note_stub(path);
  return made;
}

int Tree::open_target(std::string_view path, Kind kind, Links links, const Owner* keep) const {
  Text whole;
  whole << path;
  std::uint64_t resolve = RESOLVE_IN_ROOT | (links == Links::refuse ? RESOLVE_NO_SYMLINKS : 0);
  int place = open_below(root_, relative(whole.c_str()), O_PATH, 0, resolve);
  if (place >= 0) {
    check_kind(place, kind, path, keep);
    return place;
  }
  if (errno != ENOENT) control_->fail(Failure::bad_target, errno, what(keep), path);

  Rest rest(path);
  Text walked, component;
  int here = control_->check(::fcntl(root_, F_DUPFD_CLOEXEC, 0), "opening the root");
  int links_left = kMaxLinks;
  auto restart = [&] {  // at `walked`, which holds no links
    ::close(here);
    here = open_below(root_, relative(walked.c_str()), O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
    control_->check(here, "opening", walked.view());
  };
  while (rest.next(component)) {
    if (component.view() == ".") continue;
    if (component.view() == "..") {
      drop_last(walked);
      restart();
      continue;
    }
    int next = open_below(here, component.c_str(), O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH);
    if (next < 0 && errno == ENOENT) {
      Text made;
      made << walked.view() << "/" << component.view();
      next = make(here, component.c_str(), made.view(), rest.last() ? kind : Kind::folder, keep);
    }
    if (next < 0) control_->fail(Failure::bad_target, errno, what(keep), path);
    struct stat info {};
    control_->check(::fstat(next, &info), "looking at", path);
    if (S_ISLNK(info.st_mode)) {
      char link[4096];
      ssize_t size = ::readlinkat(next, "", link, sizeof link - 1);
      ::close(next);
      if (links == Links::refuse || size <= 0 || links_left-- == 0)
        control_->fail(Failure::bad_target, ELOOP, what(keep), path);
      if (link[0] == '/') {
        walked.shorten(0);
        restart();
      }
      rest.put_in_front({link, static_cast<std::size_t>(size)});
      continue;
    }
    ::close(here);
    here = next;
    walked << "/" << component.view();
  }
  check_kind(here, kind, path, keep);
  return here;
}

}  // namespace imgb::stub
