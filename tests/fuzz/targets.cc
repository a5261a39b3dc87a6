#include "tests/fuzz/targets.h"

#include <algorithm>

namespace imgb::fuzz {
namespace {
constexpr Target kTargets[] = {
    {"dockerfile", dockerfile},
    {"words", words},
    {"ignore_file", ignore_file},
    {"flag_values", flag_values},
    {"reference", reference},
    {"manifest", manifest},
    {"image_config", image_config},
    {"layer_tar", layer_tar},
    {"table_of_contents", table_of_contents},
    {"compressed", compressed},
    {"url", url},
    {"http_answer", http_answer},
    {"registries_conf", registries_conf},
    {"auth_file", auth_file},
    {"server_request", server_request},
    {"user_files", user_files},
    {"terminal_text", terminal_text},
};
}  // namespace

std::span<const Target> targets() { return kTargets; }

const Target* find_target(std::string_view name) {
  auto found = std::ranges::find(kTargets, name, &Target::name);
  return found == std::end(kTargets) ? nullptr : found;
}

}  // namespace imgb::fuzz
