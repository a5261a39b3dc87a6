#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/plan.h"

namespace imgb {
namespace {

/// By number, from CAP_CHOWN (0) on.
constexpr std::array<std::string_view, 41> kNames = {"CHOWN",
                                                     "DAC_OVERRIDE",
                                                     "DAC_READ_SEARCH",
                                                     "FOWNER",
                                                     "FSETID",
                                                     "KILL",
                                                     "SETGID",
                                                     "SETUID",
                                                     "SETPCAP",
                                                     "LINUX_IMMUTABLE",
                                                     "NET_BIND_SERVICE",
                                                     "NET_BROADCAST",
                                                     "NET_ADMIN",
                                                     "NET_RAW",
                                                     "IPC_LOCK",
                                                     "IPC_OWNER",
                                                     "SYS_MODULE",
                                                     "SYS_RAWIO",
                                                     "SYS_CHROOT",
                                                     "SYS_PTRACE",
                                                     "SYS_PACCT",
                                                     "SYS_ADMIN",
                                                     "SYS_BOOT",
                                                     "SYS_NICE",
                                                     "SYS_RESOURCE",
                                                     "SYS_TIME",
                                                     "SYS_TTY_CONFIG",
                                                     "MKNOD",
                                                     "LEASE",
                                                     "AUDIT_WRITE",
                                                     "AUDIT_CONTROL",
                                                     "SETFCAP",
                                                     "MAC_OVERRIDE",
                                                     "MAC_ADMIN",
                                                     "SYSLOG",
                                                     "WAKE_ALARM",
                                                     "BLOCK_SUSPEND",
                                                     "AUDIT_READ",
                                                     "PERFMON",
                                                     "BPF",
                                                     "CHECKPOINT_RESTORE"};
static_assert(kNames[CAP_SYS_ADMIN] == "SYS_ADMIN" && kNames[CAP_SETFCAP] == "SETFCAP");

constexpr std::uint64_t bit(int number) { return 1ULL << number; }

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

bool is_all(const std::string& name) { return upper(name) == "ALL"; }

std::uint64_t bit_of(const std::string& name) {
  std::string word = upper(name);
  if (word.starts_with("CAP_")) word.erase(0, 4);
  auto found = std::find(kNames.begin(), kNames.end(), word);
  if (found != kNames.end()) return bit(static_cast<int>(found - kNames.begin()));
  std::vector<std::string> names(kNames.begin(), kNames.end());
  auto nearest = find_nearest(word, names);
  throw_error(ErrorKind::usage, "unknown capability {:?}{}", printable(name, 64),
              nearest ? fmt::format(" (did you mean {}?)", *nearest) : std::string());
}

std::uint64_t bits_of(const std::vector<std::string>& names) {
  std::uint64_t bits = 0;
  for (const std::string& name : names)
    if (!is_all(name)) bits |= bit_of(name);
  return bits;
}

}  // namespace

std::uint64_t all_capabilities() { return (1ULL << kNames.size()) - 1; }

std::uint64_t default_capabilities() {
  return bit(CAP_CHOWN) | bit(CAP_DAC_OVERRIDE) | bit(CAP_FSETID) | bit(CAP_FOWNER) | bit(CAP_MKNOD) |
         bit(CAP_NET_RAW) | bit(CAP_SETGID) | bit(CAP_SETUID) | bit(CAP_SETFCAP) | bit(CAP_SETPCAP) |
         bit(CAP_NET_BIND_SERVICE) | bit(CAP_SYS_CHROOT) | bit(CAP_KILL) | bit(CAP_AUDIT_WRITE);
}

std::uint64_t change_capabilities(std::uint64_t base, const std::vector<std::string>& add,
                                  const std::vector<std::string>& drop) {
  if (std::any_of(add.begin(), add.end(), is_all)) base = all_capabilities();
  if (std::any_of(drop.begin(), drop.end(), is_all)) return bits_of(add);
  return (base & ~bits_of(drop)) | (bits_of(add) & ~bits_of(drop));
}

}  // namespace imgb
