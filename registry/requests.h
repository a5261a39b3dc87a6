#pragma once
#include <string>

#include "core/oci/reference.h"
#include "registry/http.h"

namespace imgb {

/// What the requests of reading and of writing have in common.
std::string accepted_manifest_types();             ///< For Accept.
std::string manifest_path(const Reference& name);  ///< By digest when it has one, else by tag.
HttpTransport::OnHead no_body();                   ///< Whatever comes is dropped.

}  // namespace imgb
