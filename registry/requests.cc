#include "registry/requests.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/manifest.h"

namespace imgb {

namespace {

[[noreturn]] void throw_too_long() {
  throw_error(ErrorKind::corrupt, "the manifest is longer than {} MiB", kMaxManifestBytes >> 20);
}

}  // namespace

DocumentBody* DocumentBody::expect(const ResponseHead& head) {
  auto length = find_unsigned(head.headers.find("Content-Length").value_or(""));
  if (length && *length > kMaxManifestBytes) throw_too_long();
  return this;
}

void DocumentBody::write(std::span<const std::byte> bytes) {
  if (text_.size() + bytes.size() > kMaxManifestBytes) throw_too_long();
  text_.append(as_text(bytes));
}

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
