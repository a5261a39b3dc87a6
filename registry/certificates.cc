#include "registry/certificates.h"

#include <fstream>
#include <sstream>

#include "core/base/error.h"

namespace imgb {

std::string read_certificates(const std::vector<std::string>& files) {
  std::ostringstream all;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw_errno("certificate {}", file);
    all << in.rdbuf() << '\n';
  }
  return all.str();
}

bool holds_hashed_certificates(const std::filesystem::path& folder) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    std::string name = entry.path().filename().string();
    if (name.size() == 10 && name.ends_with(".0") && name.find_first_not_of("0123456789abcdef") == 8) return true;
  }
  return false;
}

}  // namespace imgb
