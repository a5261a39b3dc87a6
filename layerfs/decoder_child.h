#pragma once
#include <span>
#include <string>
#include <string_view>

namespace imgb {

/// The hidden command of the confined decompressor: `imgb __decode MAX-BYTES`. Descriptors: 3 the compressed bytes (a
/// socket), 4 where a failure is told (a memfd, layerfs/child_report.h), 5 the decompressed bytes (a pipe).
inline constexpr std::string_view kDecodeCommand = "__decode";
inline constexpr int kDecodeInputFd = 3, kDecodeResultFd = 4, kDecodeOutputFd = 5;

/// `args` begin behind the command's name. Gives the exit code.
int decode_main(std::span<const std::string> args);

}  // namespace imgb
