#include "layerfs/upper_files.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/text.h"
#include "layerfs/entry_policy.h"

namespace imgb {
namespace {

constexpr unsigned kThreads = 2;
constexpr std::size_t kBatch = 64, kBatchesAhead = 3, kWorthThreads = 16;
constexpr std::uint64_t kSmallBytes = 16 << 10;
constexpr std::int64_t kRoomBytes = 8 << 20;

std::string get_xattr(const Fd& file, const std::string& key, std::string_view what) {
  std::string value(256, '\0');
  ssize_t got;
  while ((got = ::fgetxattr(file.get(), key.c_str(), value.data(), value.size())) < 0) {
    if (errno != ERANGE) throw_errno("read attribute {} of {}", printable(key), printable(what));
    value.resize(value.size() * 16);
  }
  value.resize(static_cast<std::size_t>(got));
  return value;
}

std::string list_xattrs(const Fd& file, std::string_view what) {
  std::string names(512, '\0');
  ssize_t got;
  while ((got = ::flistxattr(file.get(), names.data(), names.size())) < 0) {
    if (errno == EOPNOTSUPP) return {};
    if (errno != ERANGE) throw_errno("list attributes of {}", printable(what));
    names.resize(names.size() * 8);
  }
  names.resize(static_cast<std::size_t>(got));
  return names;
}

}  // namespace

UpperXattrs read_upper_xattrs(const Fd& file, std::string_view what) {
  UpperXattrs out;
  std::string names = list_xattrs(file, what);
  for (std::string_view rest = names; !rest.empty();) {
    std::string key(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), key.size() + 1));
    if (is_layer_xattr(key)) {
      out.layer[key] = canonical_xattr(key, get_xattr(file, key, what));
      continue;
    }
    std::string_view own(key);
    if (own.starts_with("user.overlay.")) own.remove_prefix(5);
    if (own.starts_with("trusted.overlay.")) own.remove_prefix(8);
    if (own == "overlay.opaque") out.opaque = get_xattr(file, key, what) == "y";
    if (own == "overlay.redirect") out.redirect = true;
    if (own == "overlay.metacopy") out.metacopy = true;
  }
  return out;
}

Fd open_upper_file(const Dir& dir, const std::string& name) {
  return dir.open_file(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

UpperFiles::UpperFiles() : room_bytes_(kRoomBytes), tasks_(kThreads) {}

UpperFile UpperFiles::load(const Dir& dir, const std::string& name) {
  Fd file = open_upper_file(dir, name);
  UpperFile out{.stat = stat_of(file, name), .xattrs = read_upper_xattrs(file, name)};
  auto size = static_cast<std::int64_t>(out.stat.size_bytes);
  if (out.stat.type != FileType::regular || out.stat.link_count > 1 || out.stat.size_bytes > kSmallBytes) return out;
  if ((room_bytes_ -= size) < 0) {
    room_bytes_ += size;
    return out;
  }
  out.content.resize(out.stat.size_bytes + 1);  // one more: a file that has grown shows
  ssize_t got;
  while ((got = ::read(file.get(), out.content.data(), out.content.size())) < 0 && errno == EINTR) continue;
  if (got < 0) throw_errno("read {}", printable(name));
  out.content.resize(static_cast<std::size_t>(got));
  out.is_whole = true;
  return out;
}

void UpperFiles::Folder::load_ahead(const Dir& dir) {
  while (asked_ < names_.size() && batches_.size() < kBatchesAhead) {
    auto begin = names_.begin() + static_cast<std::ptrdiff_t>(asked_);
    std::size_t count = std::min(names_.size() - asked_, kBatch);
    std::vector<std::string> names(begin, begin + static_cast<std::ptrdiff_t>(count));
    auto task = std::make_shared<std::packaged_task<std::vector<UpperFile>()>>(
        [files = files_, folder = std::make_shared<const Dir>(dir.duplicate()), names = std::move(names)] {
          std::vector<UpperFile> loaded;
          loaded.reserve(names.size());
          for (const std::string& name : names) loaded.push_back(files->load(*folder, name));
          return loaded;
        });
    batches_.push_back(task->get_future());
    files_->tasks_.add([task] { (*task)(); });
    asked_ += count;
  }
}

UpperFile UpperFiles::Folder::take_loaded(const Dir& dir) {
  if (names_.size() < kWorthThreads) return files_->load(dir, names_.at(asked_++));
  if (at_ == batch_.size()) {
    load_ahead(dir);
    batch_ = batches_.front().get();
    batches_.pop_front();
    at_ = 0;
    load_ahead(dir);
  }
  return std::move(batch_[at_++]);
}

UpperFile UpperFiles::Folder::take(const Dir& dir) {
  UpperFile file = take_loaded(dir);
  if (file.is_whole) files_->room_bytes_ += static_cast<std::int64_t>(file.stat.size_bytes);
  return file;
}

}  // namespace imgb
