#pragma once
#include <string>

#include "core/oci/reference.h"
#include "registry/http.h"

namespace imgb {

/// What the requests of reading and of writing have in common.
std::string accepted_manifest_types();             ///< For Accept.
std::string manifest_path(const Reference& name);  ///< By digest when it has one, else by tag.
HttpTransport::OnHead no_body();                   ///< Whatever comes is dropped.

/// The body of an answer that is one document: a manifest, a list. At most kMaxManifestBytes, else Error(corrupt).
class DocumentBody : public Sink {
 public:
  DocumentBody* expect(const ResponseHead& head);  ///< Itself, when the head does not announce too much.
  void write(std::span<const std::byte> bytes) override;
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace imgb
