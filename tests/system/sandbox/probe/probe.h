#pragma once

/// What an attacker inside a step would try (security.md 3.11). Each attempt prints "<name> <errno>", 0 for success.
namespace probe {

void report(const char* name, int error);
/// 0 when `result` is not negative, else errno.
int error_of(long result);

void try_files();
void try_calls();
void try_processes();
void try_network();
/// "<number> <errno>" for every system call 0..460, each in a child that is killed when it waits.
void try_every_call();
/// Prints what comes from a Unix socket; the exit code.
int print_from_socket(const char* path);
/// Traces every process that appears in this world; prints "<user> <capabilities> <seccomp mode>" of each that it got.
[[noreturn]] void trace_whatever_comes();
/// ioctl TIOCSTI on stdin.
void try_terminal();

}  // namespace probe
