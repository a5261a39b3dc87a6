#include "registry/requests.h"

#include "core/oci/descriptor.h"

namespace imgb {

std::string accepted_manifest_types() {
  return fmt::format("{}, {}, {}, {}", media_type::kOciIndex, media_type::kOciManifest, media_type::kDockerIndex,
                     media_type::kDockerManifest);
}

std::string manifest_path(const Reference& name) {
  return "/manifests/" + (name.digest() ? name.digest()->str() : name.tag().value_or("latest"));
}

HttpTransport::OnHead no_body() {
  return [](const ResponseHead&) { return nullptr; };
}

}  // namespace imgb
