#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace imgb {

/// The hidden command of the confined child: `imgb __ingest COMPRESSION MAX-BYTES MAX-ENTRIES RESERVE-BYTES [HOW]`.
/// HOW is kUnpackForOverlay or kUnpackForTree; without it nothing is unpacked.
/// Descriptors: 3 the compressed layer (a pipe), 4 where the result goes (a memfd), 5 the folder to unpack into.
///
/// The result is one letter and what belongs to it: "T", the 32 bytes of the DiffId and the table of contents; or "E",
/// the ErrorKind as one byte and the message. The parent checks the form of all of it as a stranger's, and the DiffId
/// against the one that is wanted; but it does not read the layer again, so what DiffId and table say of the layer is
/// the child's word (docs/security-tests.md, "What a taken-over decoder could do").
inline constexpr std::string_view kIngestCommand = "__ingest";
inline constexpr std::string_view kUnpackForOverlay = "overlay", kUnpackForTree = "tree";
inline constexpr int kIngestInputFd = 3, kIngestResultFd = 4, kIngestFolderFd = 5;

/// `args` begin behind the command's name. Gives the exit code.
int ingest_main(std::span<const std::string> args);

}  // namespace imgb
