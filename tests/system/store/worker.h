#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/process.h"
#include "core/store/store.h"

namespace imgb {

/// What each fault is tried on: opens the store, writes blobs of both kinds, remembers something, names an image, and
/// moves the name to a second image. The same content each time.
void do_store_work(const std::filesystem::path& root);

/// A child that does it; `prefix` is put before its command line, for strace and the like.
Child start_store_work(const std::filesystem::path& root, std::vector<std::string> prefix = {});

/// What must be true whatever has happened before: the store opens, fsck finds no damage, the work can be done (again),
/// the image is whole afterwards, and collecting garbage leaves nothing unfinished.
void expect_usable(const std::filesystem::path& root);

}  // namespace imgb
