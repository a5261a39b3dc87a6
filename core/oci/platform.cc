#include "core/oci/platform.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

void normalise(Platform& p) {
  p.os = lower_ascii(p.os);
  p.architecture = lower_ascii(p.architecture);
  p.variant = lower_ascii(p.variant);
  if (p.os == "macos") p.os = "darwin";
  std::string& arch = p.architecture;
  if (arch == "x86_64" || arch == "x86-64") arch = "amd64";
  if (arch == "i386" || arch == "i686") arch = "386", p.variant.clear();
  if (arch == "aarch64") arch = "arm64";
  if (arch == "armhf") arch = "arm", p.variant = "v7";
  if (arch == "armel") arch = "arm", p.variant = "v6";
  if (arch == "amd64" && p.variant == "v1") p.variant.clear();
  if (arch == "arm64" && (p.variant == "8" || p.variant == "v8")) p.variant.clear();
  if (arch == "arm") {
    if (p.variant.empty() || p.variant == "7") p.variant = "v7";
    if (p.variant == "5" || p.variant == "6" || p.variant == "8") p.variant = "v" + p.variant;
  }
}

bool is_word(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text)
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' &&
        c != '-')
      return false;
  return true;
}

/// "v7" -> 7; 0 for none, and for what no processor has.
int level(std::string_view variant) {
  bool known = variant.size() == 2 && variant[0] == 'v' && variant[1] >= '0' && variant[1] <= '9';
  return known ? variant[1] - '0' : 0;
}

constexpr std::array<std::string_view, 15> kSystems = {"aix",     "android", "darwin",  "dragonfly", "freebsd",
                                                       "illumos", "ios",     "js",      "linux",     "netbsd",
                                                       "openbsd", "plan9",   "solaris", "wasip1",    "windows"};
constexpr std::array<std::string_view, 15> kArchitectures = {"386",     "amd64",   "arm",    "arm64",    "loong64",
                                                             "mips",    "mipsle",  "mips64", "mips64le", "ppc64",
                                                             "ppc64le", "riscv64", "s390x",  "wasm",     "sparc64"};

bool is_one_of(std::span<const std::string_view> known, std::string_view word) {
  return std::ranges::find(known, word) != known.end();
}

}  // namespace

Platform Platform::host() {
  utsname u{};
  ::uname(&u);
  std::string machine = u.machine;
  Platform p{.os = "linux", .architecture = machine};
  if (machine.starts_with("armv")) p.architecture = "arm", p.variant = "v" + machine.substr(4, 1);
  normalise(p);
  return p;
}

Platform Platform::parse(std::string_view text) {
  std::vector<std::string_view> parts = split(text, '/');
  if (parts.size() > 3)
    throw_error(ErrorKind::input, "platform {}: want os/architecture or os/architecture/variant", printable(text, 100));
  for (std::string_view part : parts)
    if (!is_word(part))
      throw_error(ErrorKind::input, "platform {}: \"{}\" is no name", printable(text, 100), printable(part, 50));
  Platform p;
  if (parts.size() == 1) {
    // One word is an operating system or an architecture, as containerd takes it.
    p = {.os = std::string(parts[0]), .architecture = std::string(parts[0])};
    normalise(p);
    bool is_system = is_one_of(kSystems, p.os);
    if (!is_system && !is_one_of(kArchitectures, p.architecture))
      throw Error(ErrorKind::input,
                  fmt::format("platform {}: no such operating system or architecture", printable(text, 100)))
          .set_hint("write it as linux/arm64");
    Platform here = host();
    if (is_system)
      p.architecture = here.architecture, p.variant = here.variant;
    else
      p.os = here.os;
  } else {
    p.os = parts[0], p.architecture = parts[1];
    if (parts.size() == 3) p.variant = parts[2];
  }
  normalise(p);
  return p;
}

std::string Platform::str() const {
  std::string text = os + "/" + architecture;
  return variant.empty() ? text : text + "/" + variant;
}

std::optional<int> match_rank(const Platform& want_given, const Platform& have_given) {
  Platform want = want_given, have = have_given;
  normalise(want);
  normalise(have);
  if (want.os != have.os) return std::nullopt;
  if (want.architecture == have.architecture) {
    if (want.variant == have.variant) return 0;
    if (want.architecture == "arm") {
      int gap = level(want.variant) - level(have.variant);
      return gap > 0 && level(have.variant) >= 5 ? std::optional(gap) : std::nullopt;
    }
    if (want.architecture == "amd64" || want.architecture == "arm64") {
      int base = want.architecture == "amd64" ? 1 : 8;
      int gap = std::max(base, level(want.variant)) - std::max(base, level(have.variant));
      return gap >= 0 ? std::optional(gap) : std::nullopt;
    }
    return want.variant.empty() ? std::optional(10) : std::nullopt;
  }
  if (want.architecture == "amd64" && have.architecture == "386") return 20;
  if (want.architecture == "arm64" && have.architecture == "arm") return 20 + (8 - level(have.variant));
  return std::nullopt;
}

}  // namespace imgb
