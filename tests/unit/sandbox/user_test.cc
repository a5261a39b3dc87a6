#include "sandbox/user.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

const std::string kPasswd =
    "# comment\nroot:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/bin/sh\nweb:x:33:34:Web:/var/www:/bin/sh\n"
    "4242:x:77:78::/home/digits:/bin/sh\nbroken:x:abc:1::/:\nhuge:x:4294967296:1::/:\nshort:x:5\n";
const std::string kGroup =
    "root:x:0:\ndaemon:x:1:\nadm:x:4:web,root\nwww:x:34:web\nssl:x:101:web\nstaff:x:50:\nbad:x:zz:web\n";

struct Case {
  std::string spec;
  UserIds want;
};
void PrintTo(const Case& c, std::ostream* out) { *out << '"' << c.spec << '"'; }

class ResolveUser : public ::testing::TestWithParam<Case> {};
TEST_P(ResolveUser, GivesIdsGroupsAndHome) {
  EXPECT_EQ(resolve_user(GetParam().spec, kPasswd, kGroup), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    Table, ResolveUser,
    ::testing::Values(Case{"", {0, 0, {4}, "/root"}}, Case{"root", {0, 0, {4}, "/root"}},
                      Case{"0", {0, 0, {4}, "/root"}}, Case{"web", {33, 34, {4, 101}, "/var/www"}},
                      Case{"33", {33, 34, {4, 101}, "/var/www"}}, Case{"web:staff", {33, 50, {}, "/var/www"}},
                      Case{"web:50", {33, 50, {}, "/var/www"}}, Case{"33:99", {33, 99, {}, "/var/www"}},
                      Case{"1000", {1000, 0, {}, "/"}}, Case{"1000:1000", {1000, 1000, {}, "/"}},
                      Case{"1000:www", {1000, 34, {}, "/"}}, Case{"root:", {0, 0, {4}, "/root"}},
                      Case{"4242", {77, 78, {}, "/home/digits"}}, Case{"2147483647:5", {2147483647, 5, {}, "/"}}));

class BadUser : public ::testing::TestWithParam<std::string> {};
TEST_P(BadUser, IsAnErrorAndNeverAnotherId) {
  try {
    resolve_user(GetParam(), kPasswd, kGroup);
    FAIL() << "resolved";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
  }
}
INSTANTIATE_TEST_SUITE_P(Table, BadUser,
                         ::testing::Values("nobody", "-1", "0x0", " 0", "4294967295", "2147483648:5", "4294967296",
                                           "18446744073709551616", "1000:nogroup", "1000:4294967295", "broken", "huge",
                                           "short", "web:-1"));

TEST(ResolveUser, NamesWhatIsMissing) {
  try {
    resolve_user("ghost", kPasswd, kGroup);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "unable to find user ghost: no matching entries in passwd file");
  }
}

TEST(ResolveUser, WithoutAccountFilesTakesNumbersAlone) {
  EXPECT_EQ(resolve_user("", std::nullopt, std::nullopt), (UserIds{0, 0, {}, "/root"}));
  EXPECT_EQ(resolve_user("7:8", std::nullopt, std::nullopt), (UserIds{7, 8, {}, "/"}));
  EXPECT_THROW(resolve_user("web", std::nullopt, std::nullopt), Error);
}

TEST(ResolveChown, TakesGroupFromUserWhereNoneIsGiven) {
  auto ids = [](const char* spec) {
    UserIds found = resolve_chown(spec, kPasswd, kGroup);
    return std::pair(found.uid, found.gid);
  };
  EXPECT_EQ(ids("55"), std::pair(55u, 55u));
  EXPECT_EQ(ids("33"), std::pair(33u, 33u));
  EXPECT_EQ(ids("web"), std::pair(33u, 34u));
  EXPECT_EQ(ids("web:adm"), std::pair(33u, 4u));
  EXPECT_EQ(ids("10:11"), std::pair(10u, 11u));
  EXPECT_EQ(ids("10:www"), std::pair(10u, 34u));
  EXPECT_EQ(ids("10:"), std::pair(10u, 0u));
  EXPECT_EQ(ids("web:"), std::pair(33u, 0u));
  EXPECT_EQ(ids(":7"), std::pair(0u, 7u));
}

TEST(ResolveChown, UnknownNamesAreErrors) {
  for (const char* spec : {"ghost", "web:ghost", "-1", "4294967295", "1:4294967295"})
    EXPECT_THROW(resolve_chown(spec, kPasswd, kGroup), Error) << spec;
}

}  // namespace
}  // namespace imgb
