#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "builder/ingredients.h"
#include "core/store/store.h"
#include "layerfs/toc.h"

namespace imgb {

/// The stack that a layer was made upon, as far as it counts for the layer.
struct MadeUpon {
  bool any = true;                ///< --link, and copies for mounts: whatever is below.
  std::optional<StackKey> stack;  ///< nullopt: nothing.
};

/// A layer that a step made, when, and upon what.
struct MadeLayer {
  Layer layer;
  Nanoseconds made_at = 0;
  MadeUpon upon;
};

/// What a key is worth: the layer that the step with these ingredients made.
///
/// CacheTable::step: key = the digest's text, value = "<media type> <blob digest> <blob size> <DiffId>
/// <nanoseconds when it was made> <StackKey below, "empty" or "any">".
/// CacheTable::explain: key "at <place of the step>" = the key it had last; key "of <key>" = the encoded ingredients;
/// key "quick <quick key>" = the key.
class StepCache {
 public:
  explicit StepCache(Store& store) : store_(store) {}

  /// nullopt also when the record's blob is gone.
  std::optional<MadeLayer> find(const Digest& key);
  void put(const Digest& key, const MadeLayer& layer);

  /// A quick key stands for a step before its inputs were looked at: it has stacks of layers in the place of the files
  /// that are taken from them, and names in the place of the numbers that they mean there. So equal quick keys make
  /// equal keys, and nothing needs to be fetched to find that out; different ones say nothing.
  std::optional<Digest> find_quick(const Digest& quick_key);
  void put_quick(const Digest& quick_key, const Digest& key);

  /// The ingredients that the step at `place` had when it last ran or was found.
  std::optional<Ingredients> find_last(std::string_view place);
  /// The layer that it had then, when its blob is still there.
  std::optional<MadeLayer> find_last_layer(std::string_view place);
  void remember_place(std::string_view place, const Digest& key);
  void remember_ingredients(const Ingredients& ingredients);

  void forget(const std::string& key);
  /// Of places that were not built since `time`, and of what no place had last.
  void forget_explanations(Nanoseconds time);

 private:
  static std::string ingredients_key(std::string_view key);  ///< In CacheTable::explain.
  Store& store_;
};

std::string render_layer_record(const MadeLayer& layer);
std::optional<MadeLayer> find_layer_record(std::string_view text);  ///< nullopt on any other shape.

}  // namespace imgb
