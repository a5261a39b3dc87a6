#include "core/oci/platform.h"

#include <sys/utsname.h>

#include <array>
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

/// "v7" -> 7; 0 for none.
int level(std::string_view variant) {
  if (!variant.starts_with('v')) return 0;
  return static_cast<int>(find_unsigned(variant.substr(1)).value_or(0));
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
    p = host();
    std::string word = lower_ascii(parts[0]);
    if (word == "linux" || word == "windows" || word == "darwin" || word == "freebsd" || word == "macos")
      p.os = word;
    else
      p.architecture = word, p.variant.clear();
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
