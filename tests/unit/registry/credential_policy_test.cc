#include "registry/credential_policy.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace imgb {
namespace {

Origin at(const char* url) { return Url::parse(url).origin; }

TEST(CredentialPolicy, V60_ARequestsHeadersStayWithTheirOrigin) {
  Origin home = at("https://r.example:5000/");
  EXPECT_TRUE(may_send(Secret::request_header, home, at("https://r.example:5000/x")));
  for (const char* other : {"http://r.example:5000/", "https://r.example/", "https://r.example:5001/",
                            "https://example/", "https://x.r.example:5000/", "https://r.example.evil:5000/"}) {
    EXPECT_FALSE(may_send(Secret::request_header, home, at(other))) << other;
  }
}

TEST(CredentialPolicy, V62_StoredCredentialsGoToTokenServicesThatAreTheRegistrysOwn) {
  struct {
    const char *registry, *service;
    bool want;
  } cases[] = {
      {"https://r.example:5050", "https://r.example/jwt/auth", true},
      {"https://r.example", "http://r.example/token", false},
      {"http://127.0.0.1:5000", "http://127.0.0.1:5001/token", true},
      {"https://registry-1.docker.io", "https://auth.docker.io/token", true},
      {"https://registry-1.docker.io", "http://auth.docker.io/token", false},
      {"https://r.example", "https://auth.docker.io/token", false},
      {"https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true},
      {"https://gitlab.com", "https://registry.gitlab.com/x", false},
      {"https://registry.gitlab.com", "https://com/x", false},
      {"https://registry.gitlab.com", "https://evilgitlab.com/x", false},
      {"https://registry.gitlab.com", "https://gitlab.com.evil.example/x", false},
      {"https://a.example.com", "https://b.example.com/token", false},
      {"https://10.1.2.3", "https://2.3/token", false},
      {"https://r.example", "https://evil.example/token", false},
  };
  for (auto& c : cases) {
    EXPECT_EQ(may_send(Secret::registry_credential, at(c.registry), at(c.service)), c.want)
        << c.registry << " -> " << c.service;
  }
}

TEST(CredentialPolicy, V62_V63_WhatATokenServiceIsTold) {
  using enum Introduction;
  const std::optional<Credential> none, alice = Credential{"alice", "a", ""}, bob = Credential{"bob", "b", ""},
                                        token = Credential{"", "", "refresh"};
  struct {
    const char *registry, *service;
    std::optional<Credential> of_registry, of_service;
    Introduction want;
  } cases[] = {
      // the registry's own
      {"https://r.example", "https://r.example/token", alice, none, stored},
      {"https://r.example:5050", "https://r.example/jwt/auth", alice, bob, stored},
      {"https://registry-1.docker.io", "https://auth.docker.io/token", alice, none, stored},
      {"https://registry.gitlab.com", "https://gitlab.com/jwt/auth", token, none, stored},
      {"http://127.0.0.1:5000", "http://127.0.0.1:5001/token", alice, none, stored},
      {"https://r.example", "https://r.example/token", none, none, anonymous},
      // somebody else's: what is stored for that one is not used, whatever the registry asks there
      {"https://evil.example", "https://ghcr.io/token", none, bob, anonymous},
      {"https://evil.example", "https://quay.io/v2/auth", alice, bob, withheld},
      {"https://evil.example", "https://auth.docker.io/token", alice, bob, withheld},
      {"https://evil.example", "https://evil.example.org/token", alice, none, withheld},
      {"http://localhost:7701", "http://127.0.0.1:7702/token", none, bob, anonymous},
      {"http://localhost:7701", "http://127.0.0.1:7702/token", alice, bob, withheld},
      {"https://gitlab.com", "https://registry.gitlab.com/x", none, bob, anonymous},
      // the same stored for both: nobody learns anything
      {"https://registry.example.com", "https://gitlab.example.com/jwt/auth", alice, none, withheld},
      {"https://registry.example.com", "https://gitlab.example.com/jwt/auth", alice, bob, withheld},
      {"https://registry.example.com", "https://gitlab.example.com/jwt/auth", alice, alice, stored},
      {"https://registry.example.com", "https://gitlab.example.com/jwt/auth", token, token, stored},
      {"https://registry.example.com", "http://gitlab.example.com/jwt/auth", alice, alice, withheld},
      {"https://r.example", "http://r.example/token", alice, alice, withheld},
  };
  for (auto& c : cases) {
    EXPECT_EQ(introduce(at(c.registry), at(c.service), c.of_registry, c.of_service), c.want)
        << c.registry << " -> " << c.service;
  }
}

TEST(CredentialPolicy, V62_RealmsThatDowngradeOrDisguiseAreNotAsked) {
  Origin registry = at("https://r.example");
  EXPECT_EQ(find_realm_problem(registry, "https://auth.example/token?x=1"), std::nullopt);
  EXPECT_EQ(find_realm_problem(at("http://127.0.0.1:5000"), "http://127.0.0.1:5000/token"), std::nullopt);
  for (const char* realm : {"http://auth.example/token", "file:///etc/passwd", "", "/token",
                            "https://u:p@auth.example/", "https://auth.example/#x", "https://auth.example/\r\nHost: x",
                            "ftp://auth.example/", "https://[::ffff:127.0.0.1/", "gopher://x/"}) {
    EXPECT_NE(find_realm_problem(registry, realm), std::nullopt) << realm;
  }
}

TEST(CredentialPolicy, V62_AddressesThatAUrlSpellsOutAreCheckedBeforeAnythingIsSent) {
  AddressRule rule = AddressRule::named_by(AddressClass::global);
  for (const char* url : {"http://169.254.169.254/", "http://[::ffff:127.0.0.1]/", "http://localhost/",
                          "http://10.0.0.1/", "http://2130706433/", "http://[fd00:ec2::254]/"}) {
    EXPECT_NE(find_refused_literal(at(url), rule), std::nullopt) << url;
  }
  EXPECT_EQ(find_refused_literal(at("http://example.com/"), rule), std::nullopt);
  EXPECT_EQ(find_refused_literal(at("http://8.8.8.8/"), rule), std::nullopt);
}

TEST(RedirectPolicy, V36_OnlySafeRedirectsAreFollowed) {
  Url from = Url::parse("https://r.example/v2/x");
  EXPECT_EQ(follow_redirect(from, "/y", 0).str(), "https://r.example/y");
  EXPECT_EQ(follow_redirect(from, "https://cdn.example/y?sig=1", 9).str(), "https://cdn.example/y?sig=1");
  EXPECT_EQ(follow_redirect(Url::parse("http://a/"), "https://b/", 0).str(), "https://b/");
  for (const char* bad :
       {"http://r.example/y", "file:///etc/shadow", "ftp://x/", "https://u:p@r.example/", "http://evil/", "http://["}) {
    try {
      follow_redirect(from, bad, 0);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::denied) << bad;  // not the user's mistake: another registry may be asked
    }
  }
}

TEST(RedirectPolicy, F12_TheEleventhRedirectIsRefused) {
  Url from = Url::parse("https://r.example/");
  EXPECT_NO_THROW(follow_redirect(from, "/", 9));
  EXPECT_THROW(follow_redirect(from, "/", 10), Error);
}

}  // namespace
}  // namespace imgb
