#pragma once
#include <optional>
#include <string_view>

#include "layerfs/tar_check.h"
#include "layerfs/toc.h"

namespace imgb {

/// What an entry of a foreign layer may say (pure; V1, V2, V4 to V8, V22, V27). Gives the entry with its names cleaned
/// but no symlink resolved; nullopt for what is left out on purpose (aufs's own files). Error(input) names entry and
/// reason:
///   - ".." anywhere in a name or in a hard link's target; a component of more than 255 bytes, a path of more than
///   kMaxPathBytes
///   - "." or "/" as anything but a folder
///   - whiteouts without a name (".wh.", ".wh..", ".wh..."), a folder or target named as a whiteout
///   - a character device 0:0, which is how overlayfs writes a whiteout
/// A leading "/" is dropped, as every tool does. Attributes outside the allow-list vanish.
std::optional<TocEntry> admit(TarEntry&& entry);

/// Attributes that layers carry: security.capability, user.*, POSIX ACLs; never overlayfs's own, in any namespace.
bool is_layer_xattr(std::string_view name);
/// security.capability of version 3 (bound to one user namespace) becomes version 2, which is what other tools write.
std::string canonical_xattr(std::string_view name, std::string_view value);

}  // namespace imgb
