#include "cli/host_flags.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/base/fd.h"
#include "core/base/text.h"

namespace imgb {

bool is_address(const std::string& text) {
  in6_addr bytes{};
  return ::inet_pton(AF_INET, text.c_str(), &bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), &bytes) == 1;
}

namespace {

/// The address that others reach this host at, by which a private network reaches it too: the one that packets to the
/// outside leave from. Nothing is sent.
std::string own_address() {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);  // of no network (RFC 5737)
  socklen_t size = sizeof address;
  char text[INET_ADDRSTRLEN];
  if (!socket || ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) < 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) < 0 ||
      !::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text))
    throw_error(ErrorKind::unsupported, "host-gateway: this host has no address that others reach it at");
  return text;
}

std::uint64_t parse_limit(std::string_view text, std::string_view whole) {
  if (text == "-1" || text == "unlimited") return ~0ULL;
  if (auto number = find_unsigned(text)) return *number;
  throw_error(ErrorKind::usage, "--ulimit is NAME=SOFT[:HARD], not {:?}", printable(whole));
}

}  // namespace

std::pair<std::string, std::string> parse_add_host(std::string_view text) {
  std::size_t at = text.find_first_of(":=");
  std::string address(at == std::string_view::npos ? "" : text.substr(at + 1));
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  if (at == 0 || (address != "host-gateway" && !is_address(address)))
    throw_error(ErrorKind::usage, "--add-host is NAME:ADDRESS, not {:?}", printable(text));
  return {std::string(text.substr(0, at)), address};
}

std::pair<std::string, std::string> resolve_gateway(std::pair<std::string, std::string> host) {
  if (host.second == "host-gateway") host.second = own_address();
  return host;
}

Limits::Rlimit parse_ulimit(std::string_view text) {
  static constexpr std::string_view kNames[] = {"core",    "cpu",      "data",   "fsize",      "locks",
                                                "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                                "rss",     "rtprio",   "rttime", "sigpending", "stack"};
  std::size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  if (equals == std::string_view::npos || std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
    throw_error(ErrorKind::usage, "--ulimit is NAME=SOFT[:HARD], not {:?}", printable(text));
  std::string_view values = text.substr(equals + 1);
  std::size_t colon = values.find(':');
  Limits::Rlimit limit{std::string(name), parse_limit(values.substr(0, colon), text), 0};
  limit.hard = colon == std::string_view::npos ? limit.soft : parse_limit(values.substr(colon + 1), text);
  if (limit.soft > limit.hard)
    throw_error(ErrorKind::usage, "--ulimit {}: the soft limit is above the hard one", printable(text));
  return limit;
}

NetworkMode parse_network(std::string_view text) {
  if (text.empty() || text == "default" || text == "bridge" || text == "private") return NetworkMode::isolated;
  if (text == "host") return NetworkMode::host;
  if (text == "none") return NetworkMode::none;
  throw_error(ErrorKind::usage, "--network is default, host or none, not {:?}", printable(text));
}

Security parse_security(std::string_view text) {
  if (text.empty() || text == "standard") return Security::standard;
  if (text == "compat") return Security::compat;
  throw_error(ErrorKind::usage, "--security is standard or compat, not {:?}", printable(text));
}

Nanoseconds parse_moment(std::string_view text, std::string_view flag) {
  if (auto ago = find_go_duration(text)) return now() - *ago;
  for (const char* rest : {"", "Z", ":00Z", ":00:00Z", "T00:00:00Z"})
    if (auto time = find_rfc3339(std::string(text) + rest)) return *time;
  std::size_t point = text.find('.');
  constexpr std::uint64_t kMaxSeconds = std::numeric_limits<Nanoseconds>::max() / kNanosecondsPerSecond;
  auto seconds = find_unsigned(text.substr(0, point));
  if (seconds && *seconds <= kMaxSeconds) return static_cast<Nanoseconds>(*seconds) * kNanosecondsPerSecond;
  throw_error(ErrorKind::usage, "{} is a time as 2026-01-31T12:00:00Z or 10m, not {:?}", flag, printable(text));
}

double parse_cpus(std::string_view text) {
  double cpus = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), cpus);
  if (failed != std::errc() || end != text.data() + text.size() || !(cpus > 0) || cpus > 100'000)
    throw_error(ErrorKind::usage, "--cpus is a number such as 1.5, not {:?}", printable(text));
  return cpus;
}

int parse_signal(std::string_view text) {
  std::string_view name = text.size() > 3 && iequals_ascii(text.substr(0, 3), "SIG") ? text.substr(3) : text;
  if (auto number = find_unsigned(text); number && *number >= 1 && *number <= 64) return static_cast<int>(*number);
  for (int number = 1; number < 32; ++number)
    if (const char* known = ::sigabbrev_np(number); known && iequals_ascii(name, known)) return number;
  for (auto [prefix, base, sign] : {std::tuple{"RTMIN+", SIGRTMIN, 1}, std::tuple{"RTMAX-", SIGRTMAX, -1}}) {
    if (!iequals_ascii(name.substr(0, 6), prefix)) continue;
    auto offset = find_unsigned(name.substr(6));
    if (offset && *offset <= 30) return base + sign * static_cast<int>(*offset);
  }
  if (iequals_ascii(name, "RTMIN")) return SIGRTMIN;
  if (iequals_ascii(name, "RTMAX")) return SIGRTMAX;
  throw_error(ErrorKind::usage, "{:?} is no signal", printable(text));
}

std::vector<std::string> environment_list() {
  std::vector<std::string> list;
  for (char** entry = ::environ; entry && *entry; ++entry) list.emplace_back(*entry);
  return list;
}

}  // namespace imgb
