#include "builder/config_values.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::array<std::string_view, 37> kSignals{
    "ABRT", "ALRM", "BUS",  "CHLD",   "CLD",   "CONT", "FPE",  "HUP",    "ILL",   "INT",   "IO",    "IOT",  "KILL",
    "PIPE", "POLL", "PROF", "PWR",    "QUIT",  "SEGV", "STOP", "SYS",    "TERM",  "TRAP",  "TSTP",  "TTIN", "TTOU",
    "URG",  "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "STKFLT", "RTMIN", "RTMAX", "UNUSED"};
constexpr std::uint64_t kLastRealTimeOffset = 15;
constexpr std::uint64_t kMaxPort = 65535;

std::string upper_ascii(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

bool is_real_time(std::string_view name) {
  std::string_view offset;
  if (name.starts_with("RTMIN+") || name.starts_with("RTMAX-")) offset = name.substr(6);
  auto number = find_unsigned(offset);
  return number && *number >= 1 && *number <= kLastRealTimeOffset;
}

struct PortRange {
  std::uint64_t first, last;
};

std::optional<PortRange> find_range(std::string_view text) {
  std::size_t dash = text.find('-');
  auto first = find_unsigned(text.substr(0, dash));
  auto last = dash == std::string_view::npos ? first : find_unsigned(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last > kMaxPort) return std::nullopt;
  return PortRange{*first, *last};
}

void add_ports(std::string_view word, std::vector<std::string>& ports) {
  std::string_view numbers = word.substr(0, word.find('/'));
  std::string protocol = "tcp";
  if (numbers.size() + 1 < word.size()) protocol = lower_ascii(word.substr(numbers.size() + 1));
  // [ip:][host:]container: only the last part is the image's business.
  std::string_view container = numbers.substr(numbers.rfind(':') + 1);
  if (container.empty())
    throw_error(ErrorKind::input, "invalid port: {}: no port specified", printable(go_quote(word)));
  auto range = find_range(container);
  if (!range) throw_error(ErrorKind::input, "invalid containerPort: {}", printable(container));
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    throw_error(ErrorKind::input, "invalid port: {}: invalid proto: {}", printable(go_quote(word)),
                printable(word.substr(numbers.size() + 1)));
  }
  for (std::uint64_t port = range->first; port <= range->last; ++port) {
    ports.push_back(fmt::format("{}/{}", port, protocol));
  }
}

}  // namespace

std::vector<std::string> parse_exposed_ports(std::span<const std::string> words) {
  std::vector<std::string> ports;
  for (const std::string& word : words) add_ports(word, ports);
  return ports;
}

void check_signal_name(std::string_view text) {
  if (auto number = find_unsigned(text)) {
    if (*number != 0 && *number <= INT32_MAX) return;
  } else {
    std::string upper = upper_ascii(text);
    std::string_view name = upper;
    if (name.starts_with("SIG")) name.remove_prefix(3);
    if (std::find(kSignals.begin(), kSignals.end(), name) != kSignals.end() || is_real_time(name)) return;
  }
  throw_error(ErrorKind::input, "invalid signal: {}", printable(text));
}

}  // namespace imgb
