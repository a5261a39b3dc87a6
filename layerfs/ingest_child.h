#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/base/fd.h"

namespace imgb {

/// The hidden command of the confined child: `imgb __ingest COMPRESSION MAX-BYTES MAX-ENTRIES RESERVE-BYTES [unpack]`.
/// Descriptors: 3 the compressed layer (a pipe), 4 where the result goes (a memfd), 5 the folder to unpack into.
///
/// The result is one letter and what belongs to it: "T", the 32 bytes of the DiffId and the table of contents; or "E",
/// the ErrorKind as one byte and the message. The parent trusts none of it.
inline constexpr std::string_view kIngestCommand = "__ingest";
inline constexpr int kIngestInputFd = 3, kIngestResultFd = 4, kIngestFolderFd = 5;

/// `args` begin behind the command's name. Gives the exit code.
int ingest_main(std::span<const std::string> args);

}  // namespace imgb
