#include "sandbox/host_features.h"

#include "tests/system/sandbox/world.h"

namespace imgb {
namespace {

TEST_F(World, DoctorFindsWhatStepsOfThisHostUse) {
  std::filesystem::create_directory(root() / "store");
  std::map<std::string, HostFeature> found;
  for (HostFeature& feature : probe_host(Dir::open_host(root() / "store"))) found[feature.name] = feature;
  for (const char* name : {"kernel", "seccomp", "sandbox", "sandbox, --security=compat", "private network"}) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found[name].state, HostFeature::State::yes) << name << ": " << found[name].detail;
  }
  EXPECT_TRUE(std::filesystem::is_empty(root() / "store")) << "trying leaves nothing in the store";
}

}  // namespace
}  // namespace imgb
