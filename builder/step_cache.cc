#include "builder/step_cache.h"

#include <set>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

namespace {

constexpr std::string_view kAny = "any", kEmpty = "empty";

std::string render(const MadeUpon& upon) {
  if (upon.any) return std::string(kAny);
  return upon.stack ? upon.stack->digest.str() : std::string(kEmpty);
}

std::optional<MadeUpon> find_upon(std::string_view text) {
  if (text == kAny) return MadeUpon{};
  if (text == kEmpty) return MadeUpon{false, {}};
  auto digest = Digest::find(text);
  return digest ? std::optional(MadeUpon{false, StackKey{*digest}}) : std::nullopt;
}

}  // namespace

std::string render_layer_record(const MadeLayer& made) {
  const Descriptor& blob = made.layer.blob;
  return fmt::format("{} {} {} {} {} {}", blob.media_type, blob.digest.str(), blob.size_bytes,
                     made.layer.diff_id.digest.str(), made.made_at, render(made.upon));
}

std::optional<MadeLayer> find_layer_record(std::string_view text) {
  auto parts = split(text, ' ');
  if (parts.size() != 6 || !media_type::is_layer(parts[0])) return std::nullopt;
  auto digest = Digest::find(parts[1]);
  auto size = find_unsigned(parts[2]);
  auto diff_id = Digest::find(parts[3]);
  auto made_at = find_integer(parts[4]);
  auto upon = find_upon(parts[5]);
  if (!digest || !size || !diff_id || !made_at || !upon) return std::nullopt;
  Descriptor blob{.media_type = std::string(parts[0]), .digest = *digest, .size_bytes = *size};
  return MadeLayer{{std::move(blob), DiffId{*diff_id}}, *made_at, *upon};
}

std::optional<MadeLayer> StepCache::find(const Digest& key) {
  auto record = store_.cache().find(CacheTable::step, key.str());
  auto made = record ? find_layer_record(*record) : std::nullopt;
  if (!made || store_.blobs().find_size(made->layer.blob.digest) != made->layer.blob.size_bytes) return std::nullopt;
  return made;
}

void StepCache::put(const Digest& key, const MadeLayer& layer) {
  store_.cache().put(CacheTable::step, key.str(), render_layer_record(layer));
}

namespace {

constexpr std::string_view kAt = "at ", kOf = "of ", kQuick = "quick ";

std::string place_key(std::string_view place) { return std::string(kAt).append(place); }

}  // namespace

std::optional<Digest> StepCache::find_quick(const Digest& quick_key) {
  auto key = store_.cache().find(CacheTable::explain, std::string(kQuick) + quick_key.str());
  return key ? Digest::find(*key) : std::nullopt;
}

void StepCache::put_quick(const Digest& quick_key, const Digest& key) {
  store_.cache().put(CacheTable::explain, std::string(kQuick) + quick_key.str(), key.str());
}

std::string StepCache::ingredients_key(std::string_view key) { return std::string(kOf).append(key); }

void StepCache::forget(const std::string& key) {
  store_.cache().remove(CacheTable::step, key);
  store_.cache().remove(CacheTable::explain, ingredients_key(key));
}

void StepCache::forget_explanations(Nanoseconds time) {
  CacheDb& cache = store_.cache();
  cache.together([&] {
    cache.remove_unused_since(CacheTable::explain, time, kAt);
    cache.remove_unused_since(CacheTable::explain, time, kQuick);
    std::set<std::string> explained;
    cache.for_each(
        CacheTable::explain, [&](const CacheDb::Row& row) { explained.insert(ingredients_key(row.value)); }, kAt);
    for (const std::string& key : cache.keys(CacheTable::explain, kOf))
      if (!explained.contains(key)) cache.remove(CacheTable::explain, key);
  });
}

std::optional<Ingredients> StepCache::find_last(std::string_view place) {
  auto key = store_.cache().find(CacheTable::explain, place_key(place));
  if (!key) return std::nullopt;
  auto encoded = store_.cache().find(CacheTable::explain, ingredients_key(*key));
  if (!encoded) return std::nullopt;
  return Ingredients(std::move(*encoded));
}

std::optional<MadeLayer> StepCache::find_last_layer(std::string_view place) {
  auto text = store_.cache().find(CacheTable::explain, place_key(place));
  auto key = text ? Digest::find(*text) : std::nullopt;
  return key ? find(*key) : std::nullopt;
}

void StepCache::remember_place(std::string_view place, const Digest& key) {
  std::string at = place_key(place), text = key.str();
  if (store_.cache().find(CacheTable::explain, at) != text) store_.cache().put(CacheTable::explain, at, text);
}

void StepCache::remember_ingredients(const Ingredients& ingredients) {
  store_.cache().put(CacheTable::explain, ingredients_key(ingredients.key().str()), ingredients.encoded());
}

}  // namespace imgb
