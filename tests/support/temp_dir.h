#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/base/dir.h"

namespace imgb {

/// A folder of its own for one test, removed with the object.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "imgb-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TempDir(const TempDir&) = delete;
  ~TempDir() { Dir::open_host(path_.parent_path()).remove_tree(path_.filename().string()); }
  const std::filesystem::path& path() const { return path_; }
  Dir dir() const { return Dir::open_host(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace imgb
