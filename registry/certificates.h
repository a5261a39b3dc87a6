#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace imgb {

/// PEM text of all the files, one after the other. Throws SystemError.
std::string read_certificates(const std::vector<std::string>& files);

/// Whether OpenSSL finds certificates in the folder by the hash of their names ("1d3472b9.0"). Then the bundle file,
/// which takes 50 ms to read for each connection, is not needed.
bool holds_hashed_certificates(const std::filesystem::path& folder);

}  // namespace imgb
