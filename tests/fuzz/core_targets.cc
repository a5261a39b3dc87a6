#include <variant>

#include "core/base/error.h"
#include "core/oci/image_config.h"
#include "core/oci/manifest.h"
#include "core/oci/reference.h"
#include "tests/fuzz/targets.h"

namespace imgb::fuzz {

void reference(std::string_view bytes) {
  try {
    Reference name = Reference::parse(bytes);
    want(Reference::parse(name.canonical()) == name, "a canonical name means the same");
    want(Reference::parse(name.familiar()) == name, "a familiar name means the same");
    want(name.path().find("..") == std::string::npos && !name.path().starts_with('/'), "a path leads nowhere else");
    Reference::parse(name.with_default_tag().canonical());
  } catch (const Error& e) {
    want(e.kind() == ErrorKind::input, "a bad name is the user's");
  }
}

void manifest(std::string_view bytes) {
  try {
    auto parsed = parse_manifest(bytes, "");
    std::visit(
        [](const auto& document) {
          std::string text = render(document);
          auto again = parse_manifest(text, document.media_type);
          want(std::visit([](const auto& d) { return render(d); }, again) == text, "what was written reads back");
        },
        parsed);
    if (const auto* index = std::get_if<Index>(&parsed)) choose_platform(*index, Platform::parse("linux/arm/v7"));
  } catch (const Error& e) {
    // not_found: no child for the platform; unsupported: schema 1
    want(e.kind() == ErrorKind::corrupt || e.kind() == ErrorKind::not_found || e.kind() == ErrorKind::unsupported,
         "a bad manifest is corrupt");
  }
}

void image_config(std::string_view bytes) {
  try {
    ImageConfig config = parse_image_config(bytes);
    std::string text = render(config);
    want(render(parse_image_config(text)) == text, "what was written reads back");
  } catch (const Error& e) {
    want(e.kind() == ErrorKind::corrupt, "a bad config is corrupt");
  }
}

}  // namespace imgb::fuzz
