#pragma once
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/build.h"
#include "cli/build_flags.h"
#include "cli/image_source.h"
#include "sandbox/key_agent.h"

namespace imgb {

/// Opens what the flags name and puts it into the request: the context, the Dockerfile and its ignore file
/// (dockerfile.md 4), named contexts, secrets and agents. Owns the image sources of oci-layout contexts and the
/// agents that serve key files: keep it while
/// the request is used. Errors: not_found, input, usage, unsupported, system.
class BuildInputs {
 public:
  BuildInputs(Store& store, SnapshotStore& snapshots) : store_(store), snapshots_(snapshots) {}
  void open(const BuildFlags& flags, BuildRequest& request, std::stop_token stop);

 private:
  struct Layout {
    Layout(Store& store, SnapshotStore& snapshots, Dir folder)
        : origin(store, std::move(folder)), source(store, snapshots, origin, ImageSource::Names::of_origin) {}
    LayoutOrigin origin;
    ImageSource source;
  };
  void open_standard_input(const BuildFlags& flags, BuildRequest& request);
  void open_folder(const BuildFlags& flags, BuildRequest& request);
  void open_archive(const BuildFlags& flags, const Fd& archive, const std::string& what, BuildRequest& request);
  NamedContext open_named(const std::string& name, const std::string& source);
  NamedContext open_layout(const std::string& source);
  void open_secrets(const BuildFlags& flags, BuildRequest& request);
  void open_agents(const BuildFlags& flags, BuildRequest& request);
  Fd serve_keys(const SshFlag& flag);

  Store& store_;
  SnapshotStore& snapshots_;
  std::stop_token stop_;
  std::vector<std::unique_ptr<Layout>> layouts_;
  std::vector<KeyAgent> agents_;
};

}  // namespace imgb
