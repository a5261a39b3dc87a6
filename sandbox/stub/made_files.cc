#include "sandbox/stub/made_files.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace imgb::stub {

void make_file(Site& site) {
  std::string_view target = site.plan.text();
  unsigned mode = site.plan.number(), uid = site.plan.number(), gid = site.plan.number();
  std::uint64_t attributes = site.plan.number();
  std::string_view content = site.plan.text();
  const char* name = site.next_name();
  int made =
      site.control.check(::openat(site.base(), name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600), "writing", target);
  while (!content.empty()) {
    ssize_t size = ::write(made, content.data(), content.size());
    if (size < 0) site.control.fail("writing", target);
    content.remove_prefix(static_cast<std::size_t>(size));
  }
  site.control.check(::fchown(made, uid, gid), "giving an owner to", target);
  site.control.check(::fchmod(made, mode), "setting the mode of", target);
  ::close(made);
  site.put_own(site.take(name, attributes), target, Kind::file, Links::follow);
}

void make_socket(Site& site) {
  std::string_view target = site.plan.text();
  unsigned mode = site.plan.number(), uid = site.plan.number(), gid = site.plan.number();
  std::uint32_t relay = site.plan.number();
  const char* name = site.next_name();
  int listening = site.control.check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "making a socket for", target);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  for (std::size_t i = 0; name[i]; ++i) address.sun_path[i] = name[i];
  site.control.check(::fchdir(site.base()), "entering a folder");
  site.control.check(::bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address), "binding", target);
  site.control.check(::fchownat(site.base(), name, uid, gid, AT_SYMLINK_NOFOLLOW), "giving an owner to", target);
  site.control.check(::fchmodat(site.base(), name, mode, 0), "setting the mode of", target);
  site.control.check(::listen(listening, 16), "listening at", target);
  site.put_own(site.take(name, kNothingSpecial), target, Kind::file, Links::follow);
  site.control.report(Report::socket, {reinterpret_cast<const char*>(&relay), sizeof relay}, listening);
  ::close(listening);
}

void make_symlink(Site& site) {
  std::string_view path = site.plan.text(), text = site.plan.text();
  int folder = site.open_parent(path);
  site.control.check(::symlinkat(text.data(), folder, path.data() + path.rfind('/') + 1), "linking", path);
  ::close(folder);
}

void make_folder(Site& site) {
  std::string_view path = site.plan.text();
  Owner owner;
  owner.mode = site.plan.number();
  owner.uid = site.plan.number();
  owner.gid = site.plan.number();
  ::close(site.tree().open_target(path, Kind::folder, Links::follow, &owner));
}

}  // namespace imgb::stub
