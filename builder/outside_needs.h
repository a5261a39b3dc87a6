#pragma once
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "builder/build.h"
#include "builder/build_plan.h"
#include "builder/stage_names.h"

namespace imgb {

/// What the stages of a target take from outside, as far as the file alone tells: bases with triggers may ask for more,
/// and URLs with variables are not known before their stage is expanded.
struct OutsideNeeds {
  struct Image {
    ImageInput image;
    LineRange lines;
  };
  struct Url {
    std::string url;
    LineRange lines;
  };
  std::vector<Image> images;  ///< Each once.
  std::vector<Url> urls;
};
OutsideNeeds list_outside_needs(const Dockerfile& file, const StageNames& names, std::size_t target,
                                const Environment& global, const std::set<std::size_t>& replaced,
                                const BuildRequest& request, const Platform& target_platform, BaseImageSource& images);

/// Before anything is asked or built: Error(input) that names all that --locked has no entry for, Error(not_found) that
/// names all that --offline does not find here; with what to do.
void check_outside_needs(const OutsideNeeds& needs, const Dockerfile& file, const BuildRequest& request, Store& store,
                         BaseImageSource& images, const std::stop_token& stop);

/// Archives and OCI layouts that are contexts: Error(input) when a lock has another digest of one, or none.
void check_contexts(const BuildPlan& plan, const BuildRequest& request, BaseImageSource& images);

/// What an image's name means to a locked build; Error(input) when the lock does not have it. Without a lock the name
/// itself.
Reference locked_name(const BuildRequest& request, const Reference& name, const Platform& platform);

inline constexpr std::string_view kOfflineHint =
    "where there is a network: imgb build --lock imgb.lock ..., imgb mirror create --from imgb.lock -o mirror; then "
    "here: imgb load -i mirror";

}  // namespace imgb
