#include <fmt/core.h>

#include "core/base/text.h"
#include "sandbox/plan.h"

namespace imgb {

std::string resolv_conf_for(std::string_view host_text, std::string_view resolver) {
  if (resolver.empty()) return std::string(host_text);
  std::string text = fmt::format("nameserver {}\n", resolver);
  for (std::string_view line : split(host_text, '\n')) {
    std::string_view word = trim(line);
    if (word.starts_with("search") || word.starts_with("domain") || word.starts_with("options"))
      text += fmt::format("{}\n", word);
  }
  return text;
}

std::string hosts_for(std::string_view hostname, const std::vector<std::pair<std::string, std::string>>& extra) {
  std::string text = fmt::format(
      "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n"
      "ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
      hostname);
  for (const auto& [name, address] : extra) text += fmt::format("{}\t{}\n", address, name);
  return text;
}

}  // namespace imgb
