#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <random>

#include "core/base/error.h"

namespace imgb {

Fd duplicate_standard(int number) {
  Fd fd(::fcntl(number, F_DUPFD_CLOEXEC, 3));
  if (!fd) throw_errno("standard descriptor {}", number);
  return fd;
}

std::unique_ptr<FdSource> open_user_file(const std::string& path) {
  if (path == "-") return std::make_unique<FdSource>(duplicate_standard(STDIN_FILENO), "standard input");
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw_errno("open {}", path);
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && S_ISDIR(info.st_mode)) throw_error(ErrorKind::input, "{} is a folder", path);
  return std::make_unique<FdSource>(std::move(fd), path);
}

std::string read_user_file(const std::string& path, std::uint64_t max_bytes) {
  return read_all(*open_user_file(path), max_bytes, path == "-" ? "standard input" : path);
}

Fd open_seekable(Store& store, const std::string& path) {
  auto from = open_user_file(path);
  if (::lseek(from->fd().get(), 0, SEEK_CUR) >= 0) return from->fd().duplicate();
  Fd spool = store.folder("ingest").open_spool(O_RDWR, 0600);
  FdSink spooled(spool.duplicate(), path);
  copy(*from, spooled);
  if (::lseek(spool.get(), 0, SEEK_SET) != 0) throw_errno("{}", path);
  return spool;
}

OutputFile::OutputFile(const std::string& path) : path_(path) {
  if (path == "-") {
    fd_ = duplicate_standard(STDOUT_FILENO);
    return;
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    if (S_ISDIR(info.st_mode)) throw_error(ErrorKind::input, "{} is a folder", path);
    fd_ = Fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd_) throw_errno("open {}", path);
    return;
  }
  // Through a symlink the file it points to is replaced, as a shell's ">" does.
  std::error_code ignored;
  if (auto real = std::filesystem::canonical(path, ignored); !ignored) path_ = real.string();
  std::filesystem::path place = std::filesystem::absolute(path_);
  name_ = place.filename().string();
  if (name_.empty()) throw_error(ErrorKind::input, "{} is no name of a file", path);
  folder_ = in_context([&] { return "create " + path_; }, [&] { return Dir::open_host(place.parent_path()); });
  if (auto unnamed = folder_.find_unnamed(O_WRONLY, 0644)) {
    fd_ = *std::move(unnamed);
    return;
  }
  std::random_device random;
  temporary_ = fmt::format("{}.{:08x}{:08x}.part", name_, random(), random());
  fd_ = folder_.open_file(temporary_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlinkat(folder_.fd().get(), temporary_.c_str(), 0);
}

void OutputFile::write(std::span<const std::byte> bytes) {
  write_all(fd_, bytes, path_ == "-" ? "standard output" : path_);
}

void OutputFile::commit() {
  if (!folder_) return;
  if (temporary_.empty()) return folder_.replace_by_unnamed(fd_, name_);
  sync_data(fd_, path_);
  folder_.rename(temporary_, folder_, name_);
  temporary_.clear();
  folder_.sync();
}

void write_user_file(const std::string& path, std::string_view content) {
  OutputFile file(path);
  file.write(as_bytes(content));
  file.commit();
}

}  // namespace imgb
