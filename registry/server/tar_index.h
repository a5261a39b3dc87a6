#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace imgb::server {

/// A file within a tar: where its bytes lie.
struct TarMember {
  std::uint64_t offset = 0, size_bytes = 0;
  friend bool operator==(const TarMember&, const TarMember&) = default;
};

/// Regular files of an uncompressed tar by name, without a leading "./"; of several with one name the last. Reads the
/// headers alone. Knows ustar, GNU's long names and sizes, and PAX path and size: what writers of image archives use.
/// Error(input) on what is no tar (a compressed one by its name), Error(corrupt) on a damaged or cut one; `what` names
/// it.
std::map<std::string, TarMember> index_tar(const Fd& tar, std::string_view what);

}  // namespace imgb::server
