#include "builder/plan_inputs.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

InputId PlanInputs::add(Input wanted) {
  if (const auto* stage = std::get_if<StageInput>(&wanted)) {
    auto [known, is_new] = stages_.try_emplace(stage->stage, inputs_.size());
    if (is_new) inputs_.push_back(wanted);
    return known->second;
  }
  auto same = std::find(inputs_.begin(), inputs_.end(), wanted);
  if (same != inputs_.end()) return static_cast<InputId>(same - inputs_.begin());
  inputs_.push_back(std::move(wanted));
  return inputs_.size() - 1;
}

const std::string* PlanInputs::find_context(std::string_view name) const {
  std::string with_platform = fmt::format("{}::{}", name, target_platform_.str());
  for (std::string_view wanted : {std::string_view(with_platform), name}) {
    for (const auto& [given, context] : request_.named_contexts) {
      if (iequals_ascii(given, wanted)) return &given;
    }
  }
  return nullptr;
}

const std::string* PlanInputs::find_context_of(const Reference& image) const {
  for (const auto& [given, context] : request_.named_contexts) {
    try {
      if (Reference::parse(given).with_default_tag() == image) return &given;
    } catch (const Error&) {
      continue;  // a name that is no reference stands for no image
    }
  }
  return nullptr;
}

InputId PlanInputs::add_context(const std::string& name, const Platform& platform) {
  const auto& context = request_.named_contexts.at(name);
  if (const auto* image = std::get_if<ImageContext>(&context)) {
    return add(ImageInput{image->name, platform, image->source ? image->source : &images_});
  }
  return add(ContextInput{name});
}

InputId PlanInputs::add_named(const std::string& name, const Platform& platform) {
  if (const std::string* context = find_context(name)) return add_context(*context, platform);
  Reference image = Reference::parse(name).with_default_tag();
  if (const std::string* context = find_context_of(image)) return add_context(*context, platform);
  return add(ImageInput{image, platform, &images_});
}

}  // namespace imgb
