#include "registry/address.h"

#include <gtest/gtest.h>

namespace imgb {
namespace {

TEST(Address, EverySpellingOfAnAddressIsClassified) {
  struct {
    const char* text;
    AddressClass want;
  } cases[] = {
      {"8.8.8.8", AddressClass::global},
      {"127.0.0.1", AddressClass::loopback},
      {"127.1", AddressClass::loopback},
      {"2130706433", AddressClass::loopback},
      {"0x7f000001", AddressClass::loopback},
      {"0.0.0.0", AddressClass::loopback},
      {"::1", AddressClass::loopback},
      {"::", AddressClass::loopback},
      {"::ffff:127.0.0.1", AddressClass::loopback},
      {"64:ff9b::7f00:1", AddressClass::loopback},
      {"2002:7f00:1::", AddressClass::loopback},
      {"169.254.169.254", AddressClass::link_local},
      {"::ffff:169.254.169.254", AddressClass::link_local},
      {"fe80::1", AddressClass::link_local},
      {"224.0.0.1", AddressClass::link_local},
      {"255.255.255.255", AddressClass::link_local},
      {"10.1.2.3", AddressClass::site},
      {"172.16.0.1", AddressClass::site},
      {"172.32.0.1", AddressClass::global},
      {"192.168.1.1", AddressClass::site},
      {"100.100.100.200", AddressClass::site},
      {"fd00:ec2::254", AddressClass::site},
      {"2606:4700::1", AddressClass::global},
  };
  for (auto& c : cases) EXPECT_EQ(find_address_class(c.text), c.want) << c.text;
  EXPECT_EQ(find_address_class("example.com"), std::nullopt);
}

TEST(Address, PlainHttpHostsAreThoseOnLoopbackOnly) {
  for (const char* host : {"localhost", "LOCALHOST", "x.localhost", "127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const char* host :
       {"localhost.evil.com", "127.0.0.1.evil.com", "notlocalhost", "0.0.0.0", "10.0.0.1", "127.1"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

TEST(Address, WhoNamesAServerMayNameItsOwnKindAndPublicOnes) {
  AddressRule from_public = AddressRule::named_by(AddressClass::global);
  EXPECT_TRUE(from_public.allows(AddressClass::global));
  EXPECT_FALSE(from_public.allows(AddressClass::site));
  EXPECT_FALSE(from_public.allows(AddressClass::loopback));
  EXPECT_FALSE(from_public.allows(AddressClass::link_local));
  AddressRule from_site = AddressRule::named_by(AddressClass::site);
  EXPECT_TRUE(from_site.allows(AddressClass::site));
  EXPECT_FALSE(from_site.allows(AddressClass::loopback));
  EXPECT_FALSE(from_site.allows(AddressClass::link_local));
}

}  // namespace
}  // namespace imgb
