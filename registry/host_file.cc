#include "registry/host_file.h"

#include "core/base/dir.h"
#include "core/base/error.h"
#include "core/store/file_lock.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxFileBytes = 4ull * 1024 * 1024;

}  // namespace

std::optional<HostFile> find_host_file(const fs::path& path) {
  std::error_code none;
  fs::path real = fs::canonical(path, none);
  if (none) return std::nullopt;
  Dir folder = Dir::open_host(real.parent_path());
  std::string name = real.filename().string();
  auto stat = folder.find_stat(name);
  if (!stat || stat->type != FileType::regular) return std::nullopt;
  return HostFile{folder.read_file(name, kMaxFileBytes), stat->mode};
}

void change_host_file(const fs::path& path,
                      const std::function<std::string(const std::optional<std::string>& content)>& change) {
  fs::path real = fs::weakly_canonical(fs::absolute(path));
  Dir folder =
      in_context([&] { return "write " + path.string(); }, [&] { return Dir::make_host(real.parent_path(), 0700); });
  lock(folder.fd());
  std::string name = real.filename().string();
  auto before = folder.find_content(name, kMaxFileBytes);
  folder.replace_file(name, change(before), 0600);
}

}  // namespace imgb
