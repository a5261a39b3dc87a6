#include "cli/terminal.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/cgroup.h"
#include "sandbox/container_files.h"
#include "sandbox/rootless.h"
#include "sandbox/user.h"
#include "tests/fuzz/targets.h"

namespace imgb::fuzz {
namespace {

/// Escape sequences may only be colours, and only where they are kept.
void check_clean(std::string_view line, bool colors) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    auto c = static_cast<unsigned char>(line[i]);
    if (c == '\x1b') {
      want(colors && line.substr(i, 2) == "\x1b[", "no escape but colours");
      std::size_t end = line.find_first_not_of("0123456789;:", i + 2);
      want(end != std::string_view::npos && line[end] == 'm', "no sequence but SGR");
      i = end;
    } else {
      want((c >= 0x20 || c == '\t') && c != 0x7f, "no control characters");
    }
  }
}

}  // namespace

void user_files(std::string_view bytes) {
  std::size_t first = bytes.find('\0'), second = bytes.find('\0', first == std::string_view::npos ? first : first + 1);
  std::string_view spec = bytes.substr(0, first);
  std::optional<std::string> passwd, group;
  if (first != std::string_view::npos) passwd = bytes.substr(first + 1, second - first - 1);
  if (second != std::string_view::npos) group = bytes.substr(second + 1);
  for (auto resolve : {resolve_user, resolve_chown}) {
    try {
      UserIds ids = resolve(spec, passwd, group);
      bool named = passwd && !find_unsigned(spec.substr(0, spec.find(':')));
      want(ids.uid != 0 || spec.empty() || spec[0] == '0' || spec[0] == ':' || named, "nothing falls back to root");
    } catch (const Error& e) {
      want(e.kind() == ErrorKind::input, "a bad user is the image's");
    }
  }
  parse_id_map(bytes);
  find_sub_ids(bytes, "user", 1000);
  parse_cgroup_places(bytes, bytes);
  may_refuse([&] { parse_container_config(bytes); });
  may_refuse([&] { parse_container_state(bytes); });
}

void terminal_text(std::string_view bytes) {
  for (bool colors : {false, true}) {
    for (bool redraw : {false, true}) {
      LineCleaner cleaner(colors, redraw);
      auto on_line = [&](const std::string& line) {
        check_clean(line, colors);
        clip_columns(line, 20);
      };
      cleaner.feed(bytes.substr(0, bytes.size() / 2), on_line);
      cleaner.feed(bytes.substr(bytes.size() / 2), on_line);
      cleaner.finish(on_line);
    }
  }
  check_clean(printable(bytes), false);
}

}  // namespace imgb::fuzz
