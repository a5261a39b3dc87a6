#include "sandbox/host_text.h"

#include <fcntl.h>

#include "core/base/error.h"
#include "core/base/fd.h"

namespace imgb {

std::string host_text(const std::string& path) {
  constexpr std::uint64_t kMaxBytes = 16 << 20;
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  try {
    return read_all(file, kMaxBytes, path);
  } catch (const SystemError&) {
    return {};  // a kernel that has the file but not the feature, or a process that has ended meanwhile
  }
}

}  // namespace imgb
