#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/oci/descriptor.h"

namespace imgb {

struct Healthcheck {
  std::vector<std::string> test;
  std::int64_t interval = 0, timeout = 0, start_period = 0, start_interval = 0;  ///< Nanoseconds; 0: not set.
  std::int64_t retries = 0;
  friend bool operator==(const Healthcheck&, const Healthcheck&) = default;
};

/// The `config` part: what a container starts with.
struct RuntimeConfig {
  std::string user, working_dir, stop_signal;
  std::set<std::string> exposed_ports, volumes;
  std::vector<std::string> env;                                    ///< "K=V", in order.
  std::optional<std::vector<std::string>> entrypoint, cmd, shell;  ///< nullopt is JSON null or absent; [] is kept.
  std::map<std::string, std::string> labels;
  std::vector<std::string> on_build;
  std::optional<Healthcheck> healthcheck;
  bool args_escaped = false;
  friend bool operator==(const RuntimeConfig&, const RuntimeConfig&) = default;
};

struct History {
  std::optional<Nanoseconds> created;
  std::string created_by, author, comment;
  bool empty_layer = false;
  friend bool operator==(const History&, const History&) = default;
};

/// Spec: OCI image-spec v1.1, config.md, with Docker's extensions (Healthcheck, Shell, OnBuild, ArgsEscaped).
struct ImageConfig {
  Platform platform;
  std::optional<Nanoseconds> created;
  std::string author;
  RuntimeConfig config;
  std::vector<DiffId> diff_ids;
  std::vector<History> history;
};

/// Same limits and refusals as parse_manifest. Values are data: nothing here is ever a host path or a command of ours.
ImageConfig parse_image_config(std::string_view json);
std::string render(const ImageConfig& config);  ///< Compact JSON, keys in BuildKit's order, empty ones left out.

}  // namespace imgb
