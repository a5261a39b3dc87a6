#include "builder/config_values.h"

#include <gtest/gtest.h>

#include "builder/history_text.h"
#include "core/base/error.h"

namespace imgb {
namespace {

using Strings = std::vector<std::string>;

TEST(ExposedPorts, AreSpreadOutAndNameTheirProtocol) {
  EXPECT_EQ(parse_exposed_ports(Strings{"80", "53/UDP", "7000-7002/tcp", "1/sctp", "00080", "80/", "0"}),
            (Strings{"80/tcp", "53/udp", "7000/tcp", "7001/tcp", "7002/tcp", "1/sctp", "80/tcp", "80/tcp", "0/tcp"}));
  EXPECT_EQ(parse_exposed_ports(Strings{"127.0.0.1:8080:8081", "[::1]:99:98/udp", ":80", "8000-8001:90-91"}),
            (Strings{"8081/tcp", "98/udp", "80/tcp", "90/tcp", "91/tcp"}));
  EXPECT_EQ(parse_exposed_ports(Strings{}), Strings{});
}

TEST(ExposedPorts, BadOnesAreNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {"99999", "invalid containerPort: 99999"},
      {"foo", "invalid containerPort: foo"},
      {"80-70", "invalid containerPort: 80-70"},
      {"-1", "invalid containerPort: -1"},
      {"80/foo", "invalid port: \"80/foo\": invalid proto: foo"},
      {"/tcp", "invalid port: \"/tcp\": no port specified"},
      {"80:", "invalid port: \"80:\": no port specified"},
  };
  for (const auto& [word, message] : cases) {
    try {
      parse_exposed_ports(Strings{word});
      ADD_FAILURE() << word;
    } catch (const Error& e) {
      EXPECT_EQ(e.message(), message);
    }
  }
}

TEST(SignalName, LinuxSignalsAreKnown) {
  for (const char* good : {"SIGTERM", "term", "SIGKILL", "9", "99", "SIGRTMIN", "SIGRTMIN+3", "rtmax-14", "SIGUSR1"}) {
    EXPECT_NO_THROW(check_signal_name(good)) << good;
  }
  for (const char* bad : {"FOO", "SIGFOO", "0", "", "-1", "SIGRTMIN+16", "SIGRTMIN+", "SIG", "TERM "}) {
    EXPECT_THROW(check_signal_name(bad), Error) << bad;
  }
}

// The texts that BuildKit wrote for the same instructions.
TEST(History, ReadsAsBuildKitWritesIt) {
  const NamedValue pairs[] = {{"a", "1"}, {"b", "x y"}};
  const Strings paths{"/a", "/b"};
  EXPECT_EQ(history_env(pairs), "ENV a=1 b=x y");
  EXPECT_EQ(history_label(pairs), "LABEL a=1 b=x y");
  EXPECT_EQ(history_command("CMD", {true, {"/bin/sh", "-c", "echo \"x\""}}), R"(CMD ["/bin/sh" "-c" "echo \"x\""])");
  EXPECT_EQ(history_arg(std::vector<MaybeNamedValue>{{"Q", "1"}, {"R", std::nullopt}, {"S", ""}}), "ARG Q=1 R S=");
  EXPECT_EQ(history_command("CMD", {true, {}}), "CMD []");
  EXPECT_EQ(history_expose(Strings{"80/tcp", "81/udp"}), "EXPOSE [80/tcp 81/udp]");
  EXPECT_EQ(history_volume(paths), "VOLUME [/a /b]");
  EXPECT_EQ(history_shell(Strings{"/bin/x", "-y"}), "SHELL [/bin/x -y]");
  EXPECT_EQ(history_run(pairs, Strings{"/bin/sh", "-c", "true"}), "RUN |2 a=1 b=x y /bin/sh -c true # buildkit");
  EXPECT_EQ(history_run({}, Strings{"true"}), "RUN true # buildkit");
  Copy copy;
  copy.heredocs = {{.name = "E"}};
  EXPECT_EQ(history_transfer("COPY", copy, paths, "/d/", "1:2", "644"),
            "COPY --chown=1:2 --chmod=644 /a /b <<E /d/ # buildkit");
  copy.parents = true;
  copy.link = true;
  EXPECT_EQ(history_transfer("COPY", copy, {}, "/d/", "", ""), "COPY --parents <<E /d/ # buildkit");
  HealthcheckInstruction check;
  check.test = {"CMD-SHELL", "x"};
  check.interval = 1'000'000'000;
  check.timeout = 10'000'000'000;
  check.start_period = 3'000'000'000;
  check.start_interval = 100'000'000;
  check.retries = 5;
  EXPECT_EQ(history_healthcheck(check), R"(HEALTHCHECK &{["CMD-SHELL" "x"] "1s" "10s" "3s" "100ms" '\x05'})");
}

}  // namespace
}  // namespace imgb
