#pragma once
#include <stop_token>

#include "builder/build.h"
#include "builder/build_plan.h"

namespace imgb {

/// From Dockerfile and request to the plan: finds the target and the stages it needs, asks for the base images'
/// manifests and configs (all at once; no layers move), and lowers the stages in order. With --locked or --offline it
/// looks first whether all of that is allowed and here. Errors: as build().
BuildPlan plan_build(const Dockerfile& file, const BuildRequest& request, Store& store, BaseImageSource& images,
                     Progress& progress, std::stop_token stop);

/// Seconds from the build argument or global ARG of that name; nullopt when unset. Error(input) on anything else.
std::optional<std::int64_t> parse_source_date_epoch(std::string_view text);

}  // namespace imgb
