#pragma once
#include <gtest/gtest.h>

#include <string>

#include "core/base/text.h"
#include "tests/unit/registry/world.h"

namespace imgb {

/// A blob in a registry that a test may spoil, a client without patience, and a tap that sees what arrives.
class BlobFetch : public testing::Test, public World {
 protected:
  BlobFetch() : World(impatient()) {}
  Reference name() const { return Reference::parse(registry.host() + "/app:1"); }
  void fetch() { client.fetch_blob(name(), blob, store, &tap, nullptr, {}); }
  std::string stored() {
    auto source = store.open(blob.digest);
    return read_all(*source, 1 << 24, "blob");
  }
  void expect_fetched() {
    EXPECT_TRUE(stored() == bytes);
    EXPECT_TRUE(tap.text == bytes) << tap.text.size();
  }
  void expect_nothing_kept() { EXPECT_EQ(store.find_size(blob.digest), std::nullopt); }

  FakeRegistry registry;
  std::string bytes = some_bytes(300'000);
  Descriptor blob = registry.add_blob(bytes, kLayer);
  RecordingTap tap;
};

}  // namespace imgb
