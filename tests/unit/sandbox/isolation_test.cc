#include "sandbox/isolation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>

#include "core/base/error.h"
#include "sandbox/plan.h"
#include "sandbox/seccomp.h"

namespace imgb {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

IsolationFacts host() {
  return {.root = true, .may_mount = true, .may_chroot = true, .user_namespaces = true, .store_type = ""};
}
IsolationFacts container() {
  return {.root = true, .may_mount = false, .may_chroot = true, .user_namespaces = false, .store_type = ""};
}
std::string failure(Isolation wish, const IsolationFacts& facts) {
  try {
    choose_isolation(wish, facts);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::unsupported);
    return std::string(e.what()) + " / " + e.hint();
  }
  return {};
}

TEST(Isolation, AHostWithNamespacesAndOverlaysUsesThemWithoutAWord) {
  IsolationChoice choice = choose_isolation(Isolation::automatic, host());
  EXPECT_FALSE(choice.chroot);
  EXPECT_EQ(choice.form, SnapshotForm::layers);
  EXPECT_THAT(choice.why, IsEmpty());
}

TEST(Isolation, AContainerWithoutPrivilegesFallsBackToChrootAndSaysWhatIsWeaker) {
  IsolationChoice choice = choose_isolation(Isolation::automatic, container());
  EXPECT_TRUE(choice.chroot);
  EXPECT_EQ(choice.form, SnapshotForm::trees);
  EXPECT_THAT(choice.why, HasSubstr("--isolation=chroot"));
  EXPECT_EQ(choice.why.find('\n'), std::string::npos);
}

TEST(Isolation, WhoAsksForChrootGetsItWithoutAWarning) {
  IsolationChoice choice = choose_isolation(Isolation::chroot, host());
  EXPECT_TRUE(choice.chroot);
  EXPECT_THAT(choice.why, IsEmpty());
}

TEST(Isolation, AStoreThatTakesNoOverlayHasTrees) {
  IsolationFacts facts = host();
  facts.store_type = "the store is on overlay";
  IsolationChoice choice = choose_isolation(Isolation::automatic, facts);
  EXPECT_FALSE(choice.chroot);
  EXPECT_EQ(choice.form, SnapshotForm::trees);
  EXPECT_THAT(choice.why, HasSubstr("the store is on overlay"));
}

TEST(Isolation, WithoutAWaySaysWhatIsMissing) {
  EXPECT_THAT(failure(Isolation::namespaces, container()), HasSubstr("--isolation=namespace"));
  IsolationFacts nothing = container();
  nothing.may_chroot = false;
  EXPECT_THAT(failure(Isolation::automatic, nothing), HasSubstr("SYS_CHROOT"));
  IsolationFacts user = nothing;
  user.root = false;
  EXPECT_THAT(failure(Isolation::automatic, user), HasSubstr("user 0"));
  EXPECT_THROW(parse_isolation("jail"), Error);
}

class ChrootPlan : public testing::Test {
 protected:
  ChrootPlan() {
    spec.argv = {"true"};
    host.chroot = true;
    host.apparmor_profile = "docker-default";
  }
  std::string refusal() {
    try {
      make_plan(spec, host);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::unsupported);
      return e.what();
    }
    return {};
  }
  StepSpec spec;
  PlanHost host;
};

TEST_F(ChrootPlan, MountsNothingAndGivesUpWhatLeadsOut) {
  SandboxPlan plan = make_plan(spec, host);
  EXPECT_TRUE(plan.chroot);
  EXPECT_THAT(plan.mounts, IsEmpty());
  EXPECT_THAT(plan.ground.mounts, IsEmpty());
  EXPECT_TRUE(plan.process.no_new_privileges);
  EXPECT_TRUE(plan.filter);
  EXPECT_EQ(plan.process.capabilities >> CAP_SYS_CHROOT & 1, 0u);
  EXPECT_EQ(plan.process.capabilities >> CAP_MKNOD & 1, 0u);
  EXPECT_EQ(plan.process.capabilities >> CAP_CHOWN & 1, 1u);
  EXPECT_THAT(plan.process.apparmor_profile, IsEmpty());
  std::vector<std::string> targets;
  for (const StandIn& one : plan.stand_ins) targets.push_back(one.target.str());
  EXPECT_THAT(targets, testing::ElementsAre("/proc", "/sys", "/dev", "/etc/resolv.conf", "/etc/hosts"));
}

TEST_F(ChrootPlan, PutsThingsInThePlaceOfMounts) {
  Dir home;
  spec.mounts = {
      BindMount{.target = RootedPath::clean("/ro")},
      BindMount{.target = RootedPath::clean("/rw"), .read_only = false, .discard_writes = true},
      BindMount{.target = RootedPath::clean("/cache"), .read_only = false, .home = &home, .name_at_home = "c"},
      TmpfsMount{.target = RootedPath::clean("/t")},
      SecretFile{.target = RootedPath::clean("/s"), .content = "x", .mode = 0400}};
  SandboxPlan plan = make_plan(spec, host);
  ASSERT_EQ(plan.stand_ins.size(), 10u);
  EXPECT_EQ(plan.stand_ins[5].what, StandIn{.what = stand_in::Copy{0}}.what);
  EXPECT_EQ(plan.stand_ins[6].what, StandIn{.what = stand_in::Copy{1}}.what);
  EXPECT_EQ(plan.stand_ins[7].what, StandIn{.what = stand_in::Moved{2}}.what);
  EXPECT_EQ(plan.stand_ins[8].what, StandIn{.what = stand_in::Folder{01777}}.what);
  EXPECT_EQ(plan.stand_ins[9].what, (StandIn{.what = stand_in::File{0400, 0, 0, "x"}}.what));
}

TEST_F(ChrootPlan, RefusesByNameWhatNeedsMounts) {
  spec.mounts = {BindMount{.target = RootedPath::clean("/shared"), .read_only = false}};
  EXPECT_THAT(refusal(), HasSubstr("/shared"));
  spec.mounts.clear();
  spec.read_only_root = true;
  EXPECT_THAT(refusal(), HasSubstr("--read-only"));
  spec.read_only_root = false;
  spec.security = Security::insecure;
  EXPECT_THAT(refusal(), HasSubstr("--privileged"));
  spec.security = Security::standard;
  Dir home;
  BindMount cache{.target = RootedPath::clean("/a"), .read_only = false, .home = &home, .name_at_home = "c"};
  spec.mounts = {cache, cache};
  EXPECT_THAT(refusal(), HasSubstr("one cache at two places"));
}

TEST_F(ChrootPlan, NoNetworkIsNoSockets) {
  spec.network = NetworkMode::none;
  EXPECT_TRUE(make_plan(spec, host).block_network);
  EXPECT_GT(without_network("").size(), 0u);
}

TEST_F(ChrootPlan, V29TargetsOfTheKernelAreRefusedAsEver) {
  for (const char* target : {"/", "/proc", "/proc/self", "/sys/x", "/dev"}) {
    spec.mounts = {TmpfsMount{.target = RootedPath::clean(target)}};
    EXPECT_THROW(make_plan(spec, host), Error) << target;
  }
}

}  // namespace
}  // namespace imgb
