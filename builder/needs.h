#pragma once
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "builder/step_cache.h"
#include "core/store/gc.h"
#include "core/store/local_image.h"

namespace imgb {

/// A record of the build cache.
struct CachedStep {
  std::string key;
  Layer layer;
  Nanoseconds last_used = 0;
  MadeUpon upon;
};
std::vector<CachedStep> list_cached_steps(Store& store);

/// What is needed as long as some images and steps stay: roots of the blobs, and what is derived from them.
struct Needs {
  std::vector<Descriptor> roots;
  std::set<LayerKey> layers;
  std::set<StackKey> stacks;  ///< Stacks whose unpacked layers are worth keeping.

  /// The whole image as index.json has it: an index with all its platforms. Error(corrupt) when a manifest cannot be
  /// read; what is derived of a config that cannot is not needed.
  void add_image(const BlobStore& blobs, const Descriptor& image);
  void add_step(const CachedStep& step);
  /// Call it last: the stacks that the steps make upon those of the images and upon each other, as far as they are
  /// among `unpacked`. Takes time in proportion to steps and stacks, and for each stack that is then left over to the
  /// steps that go upon any.
  void add_stacks_of_steps(std::set<StackKey> unpacked);

 private:
  void add_stack(const BlobStore& blobs, const Digest& image, const Manifest& manifest);
  void take_stacks(std::vector<std::optional<StackKey>> below, const std::set<LayerKey>& upon_any,
                   std::set<StackKey>& unpacked);
  std::set<LayerKey> upon_any_;
  std::map<std::optional<StackKey>, std::set<LayerKey>> upon_;  ///< By what is below.
};

}  // namespace imgb
