#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// An image that some file names.
struct ListedImage {
  std::string name;   ///< As it stands there, variables expanded.
  std::string where;  ///< For people: "compose.yaml: service web", "Dockerfile:3".
};

/// What reading a list may need from outside.
struct ListOptions {
  std::map<std::string, std::string> build_args;  ///< For Dockerfiles.
  /// Variables of compose files; nullopt when unset.
  std::function<std::optional<std::string>(const std::string& name)> variable;
};

/// Every image that a file names, in its order, each name once. What kind of file it is, its content says: a Dockerfile
/// (FROM, COPY --from, mounts), a compose file (services that are not built), Kubernetes YAML (every `image` of every
/// document, image volumes), a build's lock file (its images by digest), or a plain list, one name a line, "#" begins a
/// comment. Errors: input (what is wrong in which line or service), DockerfileError.
std::vector<ListedImage> read_image_list(const std::string& file, std::string_view text, const ListOptions& options);

}  // namespace imgb
