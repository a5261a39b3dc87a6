#include <gtest/gtest.h>

#include "core/base/error.h"
#include "sandbox/cgroup.h"
#include "sandbox/host_labels.h"
#include "sandbox/network.h"
#include "sandbox/plan.h"
#include "sandbox/rootless.h"
#include "sandbox/seccomp.h"

namespace imgb {
namespace {

TEST(CgroupPlaces, HybridHostsHaveBothTrees) {
  CgroupPlaces places = parse_cgroup_places(
      "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
      "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:3 - cgroup cgroup rw,memory\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
      "4:memory:/api/f05\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/user.slice\n");
  EXPECT_EQ(places.v1.at("memory"), "/sys/fs/cgroup/memory/api/f05");
  EXPECT_EQ(places.v1.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct/");
  EXPECT_EQ(places.v2, "/sys/fs/cgroup/unified/user.slice");
  EXPECT_EQ(places.v2_root, "/sys/fs/cgroup/unified");
}

TEST(CgroupPlaces, PartOfATreeInAContainer) {
  CgroupPlaces places = parse_cgroup_places("9 1 0:3 /docker/ab /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n",
                                            "2:pids:/docker/ab/child\n");
  EXPECT_EQ(places.v1.at("pids"), "/sys/fs/cgroup/pids/child");
  EXPECT_FALSE(places.v2);
}

TEST(CgroupPlaces, NonsenseIsSkipped) {
  CgroupPlaces places = parse_cgroup_places("x\n\n1 2 3\n- - - - - - - - - -\n", ":\n::\nabc\n");
  EXPECT_TRUE(places.v1.empty());
  EXPECT_FALSE(places.v2);
}

TEST(CgroupName, RoundTripsAndRefusesOthers) {
  CgroupName name{12, 345, 6};
  EXPECT_EQ(find_cgroup_name(render_cgroup_name(name)), name);
  for (const char* bad :
       {"imgb-1-2", "imgb-1-2-3-4", "imgb--1-2", "docker-1-2-3", "imgb-x-2-3", "imgb-99999999999-1-1"})
    EXPECT_EQ(find_cgroup_name(bad), std::nullopt) << bad;
}

TEST(SubIds, AreFoundByNameAndByNumber) {
  const char* text = "alice:100000:65536\n1001:200000:10\nbob:5:5\n# alice:1:1\nalice:300000:1\n";
  EXPECT_EQ(find_sub_ids(text, "alice", 1001), (std::vector<SubIdRange>{{100000, 65536}, {200000, 10}, {300000, 1}}));
  EXPECT_TRUE(find_sub_ids(text, "carol", 7).empty());
}

TEST(SubIds, LinesThatMakeNoSenseAreSkipped) {
  for (const char* text : {"a:4294967295:2", "a:x:1", "a:1", "a:1:0", "a:-1:5", "a:0:10", "a:1:99999999999", ":1:1"})
    EXPECT_TRUE(find_sub_ids(text, "a", 1).empty()) << text;
}

TEST(IdMap, RootlessMapsTheUserAsRoot) {
  IdMap map = rootless_map(1000, {{100000, 65536}, {300000, 5}});
  EXPECT_EQ(map, (IdMap{{0, 1000, 1}, {1, 100000, 65536}, {65537, 300000, 5}}));
  EXPECT_EQ(parse_id_map(render_id_map(map)), map);
  EXPECT_EQ(parse_id_map("         0     100000      65536\n"), (IdMap{{0, 100000, 65536}}));
}

TEST(PortForwards, ReadAsDockerReadsThem) {
  using Ports = std::vector<PortForward>;
  EXPECT_EQ(parse_port_forwards("8080:80"), (Ports{{"0.0.0.0", 8080, 80, false}}));
  EXPECT_EQ(parse_port_forwards("127.0.0.1:53:5353/udp"), (Ports{{"127.0.0.1", 53, 5353, true}}));
  EXPECT_EQ(parse_port_forwards("80"), (Ports{{"0.0.0.0", 0, 80, false}}));
  EXPECT_EQ(parse_port_forwards("127.0.0.1::80"), (Ports{{"127.0.0.1", 0, 80, false}}));
  EXPECT_EQ(parse_port_forwards("8000-8001:80-81").at(1), (PortForward{"0.0.0.0", 8001, 81, false}));
  for (const char* bad : {"", "0:80", "80:0", "70000:80", "a:80", "1:2:3:4", "1-2:3", "2-1:4-3", "80/sctp", "x:1:2"})
    EXPECT_THROW(parse_port_forwards(bad), Error) << bad;
}

TEST(HostLabels, ChooseTheProfileForContainers) {
  EXPECT_EQ(
      choose_apparmor_profile("/usr/bin/man (enforce)\ncontainers-default-0.50 (enforce)\ndocker-default (enforce)\n"),
      "docker-default");
  EXPECT_EQ(choose_apparmor_profile("imgb-default (enforce)\ndocker-default (enforce)\n"), "imgb-default");
  EXPECT_EQ(choose_apparmor_profile("/usr/bin/man (enforce)\n"), "");
}

TEST(HostLabels, GiveEachWorldItsCategories) {
  EXPECT_EQ(choose_selinux_label("process = \"system_u:system_r:container_t:s0\"\nfile = \"x\"\n", "c1,c2"),
            "system_u:system_r:container_t:s0:c1,c2");
  EXPECT_EQ(choose_selinux_label("file = \"x\"\n", "c1,c2"), "");
}

TEST(Seccomp, LeavesOutWhatReachesTheKernelItself) {
  std::uint64_t none = 0;
  auto plain = allowed_system_calls(none), standard = allowed_system_calls(default_capabilities());
  EXPECT_EQ(standard.size(), plain.size() + 1);  // chroot, for CAP_SYS_CHROOT
  for (const char* denied : {"mount", "bpf", "io_uring_setup", "userfaultfd", "keyctl", "unshare", "setns", "clone3",
                             "socket", "socketcall", "kexec_load", "open_by_handle_at", "pidfd_getfd"})
    EXPECT_FALSE(std::binary_search(standard.begin(), standard.end(), denied)) << denied;
}

TEST(Seccomp, CapabilitiesOpenTheirCalls) {
  auto administrator = allowed_system_calls(1ULL << 21);
  for (const char* name : {"mount", "bpf", "unshare", "clone3"})
    EXPECT_TRUE(std::binary_search(administrator.begin(), administrator.end(), name)) << name;
}

TEST(Seccomp, TheReadyFilterIsTheCompiledOne) {
  EXPECT_EQ(seccomp_filter(default_capabilities()), compile_seccomp(default_capabilities()));
}

TEST(Seccomp, CompilesToTheSameProgramEachTime) {
  std::string program = compile_seccomp(default_capabilities());
  EXPECT_EQ(program.size() % 8, 0u);
  EXPECT_LE(program.size() / 8, 4096u);  // BPF_MAXINSNS
  EXPECT_EQ(program, compile_seccomp(default_capabilities()));
}

}  // namespace
}  // namespace imgb
