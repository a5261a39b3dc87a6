#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// The list of system calls of security.md 3.7: what a process with these capabilities may call. Everything else fails
/// with EPERM; clone3 and calls newer than the list with ENOSYS, which C libraries take for an older kernel.
/// Returns the compiled program, ready for the kernel. Takes some twenty milliseconds.
/// Errors: unsupported (this machine's architecture).
std::string compile_seccomp(std::uint64_t capabilities);

/// The same program; for the default capabilities it was compiled when imgb was built.
std::string seccomp_filter(std::uint64_t capabilities);

/// The program, and before all else: sockets of no family but UNIX can be made.
std::string without_network(std::string_view program);

/// Names that are allowed outright for the capabilities; for tests and for `imgb debug`.
std::vector<std::string_view> allowed_system_calls(std::uint64_t capabilities);

}  // namespace imgb
