#include "builder/cache_import.h"
#include "builder/copy_step.h"

namespace imgb {

std::optional<StepOutcome> StepRecord::find(const Ingredients& key, const std::optional<Digest>& quick_key) {
  if (step_.no_cache) {
    explain_miss(key);
    return std::nullopt;
  }
  StepCache& cache = services_.cache;
  auto layer = cache.find(key.key());
  if (!layer && services_.tools.cache_import) {
    if (auto found = services_.tools.cache_import->find(key.key(), upon_)) {
      layer = found->made;
      cache.remember_ingredients(key);
    }
  }
  if (!layer) {
    explain_miss(key);
    return std::nullopt;
  }
  cache.remember_place(step_.place, key.key());
  if (quick_key && cache.find_quick(*quick_key) != key.key()) cache.put_quick(*quick_key, key.key());
  return StepOutcome{*std::move(layer), true, key.key(), quick_key};
}

std::optional<StepOutcome> StepRecord::find_quick(const Digest& quick_key) {
  if (step_.no_cache) return std::nullopt;
  StepCache& cache = services_.cache;
  auto key = cache.find_quick(quick_key);
  auto layer = key ? cache.find(*key) : std::nullopt;
  if (!layer && services_.tools.cache_import) {
    if (auto found = services_.tools.cache_import->find(quick_key, upon_)) {
      layer = found->made;
      key = found->key;
    }
  }
  if (!layer) return std::nullopt;
  cache.remember_place(step_.place, *key);
  return StepOutcome{*std::move(layer), true, key, quick_key};
}

void StepRecord::explain_miss(const Ingredients& key) {
  if (!services_.request.explain) return;
  if (step_.no_cache) {
    activity_.note("runs because the cache is off for it");
    return;
  }
  auto last = services_.cache.find_last(step_.place);
  if (!last) {
    activity_.note("runs because it was never run here before");
  } else if (last->encoded() == key.encoded()) {
    activity_.note("runs because its result is no longer in the store");
  } else {
    for (const std::string& line : explain_difference(*last, key)) activity_.note("runs because " + line);
  }
}

void StepRecord::put(const Ingredients& key, const std::optional<Digest>& quick_key, const MadeLayer& layer) {
  services_.tools.store.cache().together([&] {
    services_.cache.put(key.key(), layer);
    if (quick_key) services_.cache.put_quick(*quick_key, key.key());
    services_.cache.remember_ingredients(key);
    services_.cache.remember_place(step_.place, key.key());
  });
}

}  // namespace imgb
