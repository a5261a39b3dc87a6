#pragma once
#include <stop_token>
#include <string>
#include <string_view>

#include "core/base/dir.h"

namespace imgb {

/// Copies a whole tree to `name` in `into`, which must not exist: content, owners, modes, times, attributes of layers,
/// devices that may be made, and which names are one file. Bytes are shared where the file system can (reflinks), else
/// copied within the kernel; holes stay holes. Nothing is followed. Sockets are left out.
void copy_tree(const Dir& from, const Dir& into, const std::string& name, const std::stop_token& stop);

/// Copies one regular file in the same way. `from` is open for reading.
void copy_file(const Fd& from, const Dir& into, const std::string& name);

/// Owner, attributes of layers, mode and time of an open file or folder.
void copy_metadata(const Fd& from, const Fd& to, std::string_view what);

/// Whether files in this folder can share their bytes with copies of them.
bool has_reflinks(const Dir& folder);

}  // namespace imgb
