#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace imgb {

/// Makes tars that no decent tool writes, byte by byte (security.md 2A).
class TarForger {
 public:
  struct Member {
    std::string name;
    char type = '0';
    std::string link;
    std::string data;
    std::uint32_t mode = 0644;
    std::map<std::string, std::string> pax;
    std::uint32_t major = 0, minor = 0;
  };
  TarForger& add(const Member& member);
  TarForger& file(std::string_view name, std::string_view data = "") {
    return add({.name = std::string(name), .data = std::string(data)});
  }
  TarForger& dir(std::string_view name) { return add({.name = std::string(name), .type = '5', .mode = 0755}); }
  TarForger& symlink(std::string_view name, std::string_view target) {
    return add({.name = std::string(name), .type = '2', .link = std::string(target)});
  }
  TarForger& hard_link(std::string_view name, std::string_view target) {
    return add({.name = std::string(name), .type = '1', .link = std::string(target)});
  }
  TarForger& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  TarForger& pax_header(std::string_view records, char type = 'x');  ///< Records as they are, right or wrong.
  /// Overwrites bytes of the header block that begins `back` bytes before the end, and makes its checksum right again.
  TarForger& patch(std::size_t back, std::size_t offset, std::string_view bytes);
  std::string finish() const { return bytes_ + std::string(1024, '\0'); }
  const std::string& without_end() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace imgb
