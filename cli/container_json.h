#pragma once
#include <nlohmann/json_fwd.hpp>

#include "sandbox/containers.h"

namespace imgb {

/// One row of `imgb ps`.
nlohmann::ordered_json container_row(const Container& container, bool full, Nanoseconds now);
/// What `imgb inspect` prints for a container: Docker's fields.
nlohmann::ordered_json inspect_json(const Container& container);

}  // namespace imgb
