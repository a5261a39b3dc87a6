#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace imgb {

/// "os/architecture[/variant]" in Go's words. Spec: OCI image-spec v1.1, image-index.md "platform".
struct Platform {
  std::string os, architecture, variant;
  std::string os_version;

  static Platform parse(std::string_view text);  ///< Normalised (x86_64 -> amd64, arm64/v8 -> arm64); Error(input).
  static Platform host();
  std::string str() const;
  friend auto operator<=>(const Platform&, const Platform&) = default;
};
/// How well an image for `have` runs where `want` is asked: nullopt not at all, lower is better (containerd's ordering:
/// arm/v7 takes v6, amd64/v3 takes v2, 386).
std::optional<int> match_rank(const Platform& want, const Platform& have);

}  // namespace imgb
