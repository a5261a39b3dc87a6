#pragma once
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/output_spec.h"
#include "cli/env.h"
#include "registry/access.h"

namespace imgb {

/// Sends a build's result to the registries of its names. What another repository of the same registry has, such as the
/// base image's, the one it went to before, or one that an image of the store is named by, is mounted from there and
/// not sent. Borrows all it is made with.
class BuildPush {
 public:
  BuildPush(CliEnv& env, RegistryAccess& access, const BuildResult& result)
      : env_(env), access_(access), result_(result) {}

  /// The manifest under each of the output's names; without their tags for push-by-digest. Errors: as copy_image.
  void send(const OutputSpec& output, const Descriptor& manifest, const std::stop_token& stop);

 private:
  std::string find_mount_source(const Reference& to, const Digest& blob);
  void learn(const Reference& where, const Descriptor& image);
  void learn_store();

  CliEnv& env_;
  RegistryAccess& access_;
  const BuildResult& result_;
  bool knows_store_ = false;
  std::map<Digest, std::vector<Reference>> where_;  ///< Repositories that have the blob.
};

}  // namespace imgb
