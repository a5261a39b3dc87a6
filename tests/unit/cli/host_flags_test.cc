#include "cli/host_flags.h"

#include <gtest/gtest.h>

#include <csignal>

#include "core/base/error.h"

namespace imgb {
namespace {

using HostLine = std::pair<std::string, std::string>;

TEST(AddHost, TakesBothSeparatorsAndIpv6) {
  EXPECT_EQ(parse_add_host("h:1.2.3.4"), HostLine("h", "1.2.3.4"));
  EXPECT_EQ(parse_add_host("h=::1"), HostLine("h", "::1"));
  EXPECT_EQ(parse_add_host("h:[::1]"), HostLine("h", "::1"));
  EXPECT_EQ(parse_add_host("h:host-gateway").second, "host-gateway");
  for (const char* bad : {"", "h", ":1.2.3.4", "h:nope", "h:1.2.3"}) EXPECT_THROW(parse_add_host(bad), Error) << bad;
}

TEST(Ulimit, HasASoftAndAHardLimit) {
  auto limit = parse_ulimit("nofile=10:20");
  EXPECT_EQ(limit.name, "nofile");
  EXPECT_EQ(limit.soft, 10u);
  EXPECT_EQ(limit.hard, 20u);
  EXPECT_EQ(parse_ulimit("core=0").hard, 0u);
  EXPECT_EQ(parse_ulimit("nproc=-1").hard, ~0ULL);
  for (const char* bad : {"nofile", "wat=1", "nofile=2:1", "nofile=x"}) EXPECT_THROW(parse_ulimit(bad), Error) << bad;
}

TEST(Signal, HasNamesAndNumbers) {
  EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(parse_signal("int"), SIGINT);
  EXPECT_EQ(parse_signal("9"), SIGKILL);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), SIGRTMIN + 3);
  for (const char* bad : {"", "0", "65", "SIGWAT", "RTMIN+99"}) EXPECT_THROW(parse_signal(bad), Error) << bad;
}

TEST(Moment, IsATimeOrHowLongAgo) {
  constexpr Nanoseconds kNewYear = 1767225600 * kNanosecondsPerSecond;
  for (const char* text : {"2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01", "2026-01-01T00:00",
                           "2026-01-01T00:00:00", "1767225600", "1767225600.000000000"})
    EXPECT_EQ(parse_moment(text, "--since"), kNewYear) << text;
  Nanoseconds before = now() - 600 * kNanosecondsPerSecond, ago = parse_moment("10m", "--since");
  EXPECT_TRUE(before <= ago && ago <= now() - 600 * kNanosecondsPerSecond);
  for (const char* bad : {"", "soon", "99999999999999999999", "2026-13-01"})
    EXPECT_THROW(parse_moment(bad, "--since"), Error) << bad;
}

TEST(Cpus, IsAPositiveNumber) {
  EXPECT_DOUBLE_EQ(parse_cpus("1.5"), 1.5);
  for (const char* bad : {"", "0", "-1", "x", "1x", "inf", "nan"}) EXPECT_THROW(parse_cpus(bad), Error) << bad;
}

}  // namespace
}  // namespace imgb
