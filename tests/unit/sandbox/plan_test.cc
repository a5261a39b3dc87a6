#include "sandbox/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>

#include "core/base/error.h"

namespace imgb {
namespace {

StepSpec simple_step() {
  StepSpec spec;
  spec.root.lower = {"b", "a"};
  spec.root.upper = "u";
  spec.root.work = "w";
  spec.argv = {"/bin/sh", "-c", "true"};
  spec.network = NetworkMode::none;
  return spec;
}

template <class Op>
std::vector<Op> ops(const SandboxPlan& plan) {
  std::vector<Op> found;
  for (const auto* list : {&plan.ground.mounts, &plan.mounts})
    for (const MountOp& op : *list)
      if (const auto* one = std::get_if<Op>(&op)) found.push_back(*one);
  return found;
}

template <class Op>
const Op* find_at(const SandboxPlan& plan, const std::string& target) {
  for (const auto* list : {&plan.ground.mounts, &plan.mounts})
    for (const MountOp& op : *list)
      if (const auto* one = std::get_if<Op>(&op); one && one->target.str() == target) return one;
  return nullptr;
}

TEST(Plan, IsAFunctionOfItsInputs) { EXPECT_EQ(make_plan(simple_step(), {}), make_plan(simple_step(), {})); }

TEST(Plan, BeginsWithTheRootAndEndsWithTheWorkingFolder) {
  SandboxPlan plan = make_plan(simple_step(), {});
  const auto& root = std::get<mount_op::Overlay>(plan.mounts.front());
  EXPECT_EQ(root.lower, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(root.attributes, MountAttributes{MOUNT_ATTR_NODEV});
  EXPECT_TRUE(std::holds_alternative<mount_op::Folder>(plan.mounts.back()));
}

TEST(Plan, HidesAndProtectsWhatTheKernelShows) {
  SandboxPlan plan = make_plan(simple_step(), {});
  std::vector<std::string> masked, read_only;
  for (const auto& op : ops<mount_op::Mask>(plan)) masked.push_back(op.path.str());
  for (const auto& op : ops<mount_op::ReadOnly>(plan)) read_only.push_back(op.path.str());
  for (const char* path : {"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
                           "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                           "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap"})
    EXPECT_TRUE(std::count(masked.begin(), masked.end(), path)) << path;
  EXPECT_EQ(read_only,
            (std::vector<std::string>{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}));
  EXPECT_TRUE(find_at<mount_op::FileSystem>(plan, "/sys")->attributes & MOUNT_ATTR_RDONLY);
}

TEST(Plan, GroundDependsOnNothingOfTheImage) {
  StepSpec spec = simple_step();
  SandboxPlan plan = make_plan(spec, {});
  spec.root.lower = {"other"};
  spec.root.upper = "elsewhere/u";
  spec.argv = {"other"};
  spec.env = {"A=1"};
  spec.cwd = RootedPath::clean("/work");
  spec.hostname = "other";
  spec.mounts = {TmpfsMount{RootedPath::clean("/cache")}};
  EXPECT_EQ(make_plan(spec, {}).ground, plan.ground);
  spec.drop_capabilities = {"CHOWN"};
  EXPECT_NE(make_plan(spec, {}).ground, plan.ground);
}

TEST(Plan, GroundComesIntoTheRootBeforeMountsOfTheUser) {
  StepSpec spec = simple_step();
  spec.mounts = {TmpfsMount{RootedPath::clean("/dev/cache")}};
  SandboxPlan plan = make_plan(spec, {});
  std::vector<std::string> moved;
  for (std::size_t i = 1; i < 4; ++i) moved.push_back(std::get<mount_op::Move>(plan.mounts.at(i)).path.str());
  EXPECT_EQ(moved, (std::vector<std::string>{"/proc", "/sys", "/dev"}));
}

TEST(Plan, RefusesTargetsThatAreTheKernels) {
  for (const char* target : {"/", "/proc", "/proc/sys/kernel", "/sys", "/sys/fs", "/dev"}) {
    StepSpec spec = simple_step();
    spec.mounts = {TmpfsMount{RootedPath::clean(target)}};
    EXPECT_THROW(make_plan(spec, {}), Error) << target;
  }
  StepSpec spec = simple_step();
  spec.mounts = {TmpfsMount{RootedPath::clean("/process")}, TmpfsMount{RootedPath::clean("/dev/more")}};
  EXPECT_NO_THROW(make_plan(spec, {}));
}

TEST(Plan, AContainerMayHaveMoreThanAStep) {
  StepSpec spec = simple_step();
  EXPECT_TRUE(find_at<mount_op::File>(make_plan(spec, {}), "/etc/hosts")->attributes & MOUNT_ATTR_RDONLY);
  spec.container = true;
  spec.mounts = {BindMount{.source_fd = 7, .target = RootedPath::clean("/sys/fs/cgroup")}};
  SandboxPlan plan = make_plan(spec, {});
  EXPECT_FALSE(find_at<mount_op::File>(plan, "/etc/hosts")->attributes & MOUNT_ATTR_RDONLY);
  EXPECT_FALSE(find_at<mount_op::File>(plan, "/etc/resolv.conf")->attributes & MOUNT_ATTR_RDONLY);
  EXPECT_NE(find_at<mount_op::Attach>(plan, "/sys/fs/cgroup"), nullptr);
  for (const char* target : {"/", "/proc", "/proc/sys", "/sys", "/dev"}) {
    spec.mounts = {TmpfsMount{RootedPath::clean(target)}};
    EXPECT_THROW(make_plan(spec, {}), Error) << target;
  }
}

TEST(Plan, ATmpfsHasAnOwner) {
  StepSpec spec = simple_step();
  spec.mounts = {TmpfsMount{.target = RootedPath::clean("/t"), .uid = 5, .gid = 6}};
  SandboxPlan plan = make_plan(spec, {});
  EXPECT_THAT(find_at<mount_op::FileSystem>(plan, "/t")->options,
              testing::IsSupersetOf({std::pair<std::string, std::string>{"uid", "5"}, {"gid", "6"}}));
}

TEST(Plan, RefusesWhatTheKernelWouldCutAtANul) {
  StepSpec argument = simple_step(), variable = simple_step();
  argument.argv.push_back(std::string("a\0b", 3));
  variable.env.push_back(std::string("A=b\0c", 5));
  EXPECT_THROW(make_plan(argument, {}), Error);
  EXPECT_THROW(make_plan(variable, {}), Error);
}

TEST(Plan, BindsAreReadOnlyUnlessAskedOtherwise) {
  StepSpec spec = simple_step();
  spec.mounts = {
      BindMount{.source_fd = 7, .target = RootedPath::clean("/r")},
      BindMount{.source_fd = 7, .target = RootedPath::clean("/w"), .read_only = false},
      BindMount{.source_fd = 7, .target = RootedPath::clean("/t"), .read_only = false, .discard_writes = true}};
  SandboxPlan plan = make_plan(spec, {});
  EXPECT_TRUE(find_at<mount_op::Attach>(plan, "/r")->attributes & MOUNT_ATTR_RDONLY);
  EXPECT_FALSE(find_at<mount_op::Attach>(plan, "/w")->attributes & MOUNT_ATTR_RDONLY);
  EXPECT_NE(find_at<mount_op::ThrowAway>(plan, "/t"), nullptr);
}

TEST(Plan, HostNetworkShowsTheHostsSysReadOnly) {
  StepSpec spec = simple_step();
  spec.network = NetworkMode::host;
  SandboxPlan plan = make_plan(spec, {});
  const auto* sys = find_at<mount_op::Attach>(plan, "/sys");
  ASSERT_NE(sys, nullptr);
  EXPECT_TRUE(sys->attributes & MOUNT_ATTR_RDONLY);
}

TEST(Plan, StandardStepsHaveDockersCapabilities) {
  EXPECT_EQ(make_plan(simple_step(), {}).process.capabilities, 0xa80425fbu);
  EXPECT_EQ(__builtin_popcountll(default_capabilities()), 14);
}

TEST(Plan, InsecureStepsAreUnfiltered) {
  StepSpec spec = simple_step();
  spec.security = Security::insecure;
  SandboxPlan plan = make_plan(spec, {.apparmor_profile = "docker-default"});
  EXPECT_FALSE(plan.user_namespace);
  EXPECT_FALSE(plan.filter);
  EXPECT_TRUE(ops<mount_op::Mask>(plan).empty());
  EXPECT_EQ(plan.process.capabilities, all_capabilities());
  EXPECT_EQ(plan.process.apparmor_profile, "");
}

TEST(Plan, CompatStepsHaveNoUserNamespaceButTheFilter) {
  StepSpec spec = simple_step();
  spec.security = Security::compat;
  SandboxPlan plan = make_plan(spec, {});
  EXPECT_FALSE(plan.user_namespace);
  EXPECT_TRUE(plan.filter);
}

TEST(Plan, TakesTheHostsProfileAndLabel) {
  SandboxPlan plan = make_plan(simple_step(), {.apparmor_profile = "docker-default", .selinux_label = "a:b:c:s0"});
  EXPECT_EQ(plan.process.apparmor_profile, "docker-default");
  EXPECT_EQ(plan.process.selinux_label, "a:b:c:s0");
}

TEST(Plan, UlimitsReplaceDefaults) {
  StepSpec spec = simple_step();
  spec.limits.ulimits = {{"nofile", 10, 20}, {"cpu", 5, 6}};
  auto limits = make_plan(spec, {}).process.limits;
  std::erase_if(limits, [](const ResourceLimit& l) { return l.resource == RLIMIT_CORE; });
  EXPECT_EQ(limits, (std::vector<ResourceLimit>{{RLIMIT_NOFILE, 10, 20, true}, {RLIMIT_CPU, 5, 6, true}}));
  spec.limits.ulimits = {{"nofiles", 1, 1}};
  EXPECT_THROW(make_plan(spec, {}), Error);
  spec.limits.ulimits = {{"nofile", 30, 20}};
  EXPECT_THROW(make_plan(spec, {}), Error);
}

TEST(Capabilities, AreAddedAndDroppedAsDockerDoes) {
  const std::uint64_t base = default_capabilities();
  EXPECT_EQ(change_capabilities(base, {"NET_ADMIN"}, {}), base | 1ULL << CAP_NET_ADMIN);
  EXPECT_EQ(change_capabilities(base, {"cap_net_admin"}, {}), base | 1ULL << CAP_NET_ADMIN);
  EXPECT_EQ(change_capabilities(base, {}, {"ALL"}), 0u);
  EXPECT_EQ(change_capabilities(base, {"CHOWN"}, {"ALL"}), 1ULL << CAP_CHOWN);
  EXPECT_EQ(change_capabilities(base, {"ALL"}, {"SYS_ADMIN"}), all_capabilities() & ~(1ULL << CAP_SYS_ADMIN));
  EXPECT_EQ(change_capabilities(base, {}, {"KILL"}), base & ~(1ULL << CAP_KILL));
}

TEST(Capabilities, UnknownNamesSuggestTheNearest) {
  try {
    change_capabilities(0, {"NET_ADMINN"}, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("did you mean NET_ADMIN?"), std::string::npos) << e.what();
  }
}

TEST(ResolvConf, PrivateNetworksAskTheForwarderAlone) {
  EXPECT_EQ(resolv_conf_for("nameserver 127.0.0.53\nsearch corp.example\noptions ndots:2\n", "10.0.2.3"),
            "nameserver 10.0.2.3\nsearch corp.example\noptions ndots:2\n");
  EXPECT_EQ(resolv_conf_for("nameserver 9.9.9.9\n", ""), "nameserver 9.9.9.9\n");
}

TEST(Hosts, NameTheContainerAndTheExtraHosts) {
  std::string text = hosts_for("box", {{"db", "10.1.2.3"}});
  EXPECT_TRUE(text.starts_with("127.0.0.1\tlocalhost box\n"));
  EXPECT_TRUE(text.ends_with("10.1.2.3\tdb\n"));
}

}  // namespace
}  // namespace imgb
