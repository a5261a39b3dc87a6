#include "builder/copy_step.h"

namespace imgb {

std::optional<MadeLayer> StepRecord::find(const Ingredients& key) {
  auto layer = step_.no_cache ? std::nullopt : services_.cache.find(key.key());
  if (layer) {
    services_.cache.remember_place(step_.place, key.key());
    return layer;
  }
  if (!services_.request.explain) return std::nullopt;
  if (step_.no_cache) {
    activity_.note("runs because the cache is off for it");
    return std::nullopt;
  }
  auto last = services_.cache.find_last(step_.place);
  if (!last) {
    activity_.note("runs because it was never run here before");
  } else if (last->encoded() == key.encoded()) {
    activity_.note("runs because its result is no longer in the store");
  } else {
    for (const std::string& line : explain_difference(*last, key)) activity_.note("runs because " + line);
  }
  return std::nullopt;
}

void StepRecord::put(const Ingredients& key, const MadeLayer& layer) {
  services_.tools.store.cache().together([&] {
    services_.cache.put(key.key(), layer);
    services_.cache.remember_ingredients(key);
    services_.cache.remember_place(step_.place, key.key());
  });
}

}  // namespace imgb
