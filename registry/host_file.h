#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace imgb {

/// A file of the user's own configuration, at most 4 MiB.
struct HostFile {
  std::string content;
  std::uint32_t mode = 0;
};
/// Symlinks are followed; absent is nullopt.
std::optional<HostFile> find_host_file(const std::filesystem::path& path);
/// Replaces it as a whole, for its owner alone to read (0600); what a symlink leads to is replaced where it is. Folders
/// that are missing are made, for the owner alone too. `change` is given the content there is, under a lock that
/// others who change it this way wait for, and returns the new one.
void change_host_file(const std::filesystem::path& path,
                      const std::function<std::string(const std::optional<std::string>& content)>& change);

}  // namespace imgb
