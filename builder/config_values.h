#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// EXPOSE's words, already expanded, as config and history have them: "80/tcp", ranges spread out, in the order given
/// (Expose::ports is sorted as written). "ip:host:container" counts as its container port.
/// Error(input) `invalid containerPort: x` and the like.
std::vector<std::string> parse_exposed_ports(std::span<const std::string> words);

/// Throws Error(input) `invalid signal: x` unless `text` is a signal of Linux: "SIGTERM", "term", "9", "SIGRTMIN+3".
void check_signal_name(std::string_view text);

}  // namespace imgb
