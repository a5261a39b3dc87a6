#include "layerfs/child_report.h"

#include <unistd.h>

#include <array>
#include <csignal>

#include "core/base/dir.h"
#include "core/base/text.h"
#include "layerfs/confined.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxMessageBytes = 16 * 1024;
/// Past this size, what its source holds at less than 1 in kMaxRatio is taken for a bomb.
constexpr std::uint64_t kBombBytes = 16ULL << 30, kMaxRatio = 2000;

/// In the place of a result that was begun. As much of it as there is room for: to fail here would hide why.
void report(const Fd& result, ErrorKind kind, std::string_view message) {
  std::string text{'E', static_cast<char>(kind)};
  text.append(message);
  [[maybe_unused]] int cleared = ::ftruncate(result.get(), 0);
  [[maybe_unused]] ssize_t written = ::pwrite(result.get(), text.data(), text.size(), 0);
}

}  // namespace

int report_failure(const Fd& result, const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const Error& e) {
    report(result, e.kind(), e.what());
  } catch (const std::exception& e) {  // out of memory, for one
    report(result, ErrorKind::unsupported, e.what());
  }
  return 1;
}

void throw_reported(const Fd& result, const ExitStatus& status) {
  std::array<char, kMaxMessageBytes> buffer;
  std::size_t got = read_at(result, std::as_writable_bytes(std::span(buffer)), 0, "result");
  if (std::string_view text(buffer.data(), got); text.starts_with('E') && text.size() >= 2) {
    auto kind = static_cast<ErrorKind>(text[1]);
    if (kind != ErrorKind::corrupt && kind != ErrorKind::unavailable && kind != ErrorKind::unsupported &&
        kind != ErrorKind::system)
      kind = ErrorKind::input;
    throw Error(kind, printable(text.substr(2)));
  }
  if (status.signal == SIGXCPU)
    throw_error(ErrorKind::input, "it takes more than {} hours of processor time to read", kMaxProcessorTime.count());
  if (status.signal == SIGKILL)
    throw Error(ErrorKind::system, "the process that reads it was killed")
        .set_hint("if that was for memory, the kernel's log says so: dmesg");
  if (!status.ok())
    throw_error(ErrorKind::system, "the confined reader ended without a result ({} {})",
                status.signal ? "signal" : "exit code", status.signal ? status.signal : status.code);
}

void check_expansion(std::uint64_t compressed_bytes, std::uint64_t bytes, std::uint64_t max_bytes) {
  if (bytes > max_bytes) throw_error(ErrorKind::input, "it is larger than {} bytes when unpacked", max_bytes);
  if (bytes > kBombBytes && bytes / kMaxRatio > compressed_bytes)
    throw_error(ErrorKind::input, "it expands to more than {} times its size", kMaxRatio);
}

}  // namespace imgb
