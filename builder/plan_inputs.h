#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "builder/build.h"
#include "builder/build_plan.h"

namespace imgb {

/// The inputs of a plan, each listed once, and what names outside the Dockerfile mean: a named context
/// (--build-context) where there is one, else an image. Borrows all it is made with; `inputs` is the list that grows.
class PlanInputs {
 public:
  PlanInputs(const BuildRequest& request, BaseImageSource& images, const Platform& target_platform,
             std::vector<Input>& inputs)
      : request_(request), images_(images), target_platform_(target_platform), inputs_(inputs) {}

  InputId add(Input wanted);
  /// The name as given with --build-context, first with the platform; nullptr: none.
  const std::string* find_context(std::string_view name) const;
  /// A context by its name as given, for a stage of this platform.
  InputId add_context(const std::string& name, const Platform& platform);
  /// A name that is no stage. Error(input) when it is no reference either.
  InputId add_named(const std::string& name, const Platform& platform);

  /// nullptr: the input is no image.
  const ImageInput* find_image(InputId id) const { return std::get_if<ImageInput>(&inputs_[id]); }

 private:
  const std::string* find_context_of(const Reference& image) const;

  const BuildRequest& request_;
  BaseImageSource& images_;
  const Platform& target_platform_;
  std::vector<Input>& inputs_;
  std::map<std::size_t, InputId> stages_;
};

}  // namespace imgb
