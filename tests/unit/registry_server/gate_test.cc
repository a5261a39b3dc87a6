#include "registry/server/gate.h"

#include <gtest/gtest.h>

#include "core/base/base64.h"
#include "core/base/error.h"

namespace imgb::server {
namespace {

// "secret" at cost 4, as htpasswd -nbB -C 4 writes it, by another program.
constexpr const char* kAlice = "alice:$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

Headers says(const std::string& user, const std::string& password) {
  return {{"Authorization", "Basic " + encode_base64(user + ":" + password)}};
}

TEST(Gate, WithoutAccountsAnybodyMayAsk) {
  Gate gate;
  EXPECT_EQ(gate.look({}), Gate::Access::granted);
  EXPECT_EQ(gate.user(says("alice", "x")), "");
}

TEST(Gate, RightPasswordsAreGrantedAndRemembered) {
  Gate gate;
  gate.set(Accounts::parse(kAlice, "users"));
  EXPECT_EQ(gate.look(says("alice", "secret")), Gate::Access::unknown);
  EXPECT_EQ(gate.check(says("alice", "secret")), Gate::Access::granted);
  EXPECT_EQ(gate.look(says("alice", "secret")), Gate::Access::granted);
  EXPECT_EQ(gate.user(says("alice", "secret")), "alice");
}

TEST(Gate, V99WrongOnesAreRefused) {
  Gate gate;
  gate.set(Accounts::parse(kAlice, "users"));
  EXPECT_EQ(gate.look({}), Gate::Access::refused);
  for (const Headers& headers : {says("alice", "Secret"), says("alice", ""), says("bob", "secret"), says("", "secret"),
                                 says("alice", std::string("secret\0x", 8)), says("alice", std::string(5000, 'x'))})
    EXPECT_EQ(gate.check(headers), Gate::Access::refused);
  for (const char* value :
       {"Basic", "Basic ", "Basic !!!", "Basic YWxpY2U=", "Bearer YWxpY2U6c2VjcmV0", "alice:secret"})
    EXPECT_EQ(gate.look({{"Authorization", value}}), Gate::Access::refused) << value;
}

TEST(Gate, NewAccountsEndWhatWasGranted) {
  Gate gate;
  gate.set(Accounts::parse(kAlice, "users"));
  EXPECT_EQ(gate.check(says("alice", "secret")), Gate::Access::granted);
  std::string bob = kAlice;
  gate.set(Accounts::parse(bob.replace(0, 5, "bobby"), "users"));
  EXPECT_EQ(gate.check(says("alice", "secret")), Gate::Access::refused);
  EXPECT_EQ(gate.check(says("bobby", "secret")), Gate::Access::granted);
}

TEST(Accounts, OtherHashesAreRefusedByTheirLine) {
  for (const char* text : {"alice:secret", "alice:$apr1$x$y", "alice:{SHA}x", "alice", ":$2y$04$x", "alice:$2y$31$x"}) {
    try {
      Accounts::parse(std::string("# users\n") + text, "users");
      FAIL() << text;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("users:2"), std::string::npos) << e.what();
      EXPECT_EQ(std::string(e.what()).find("secret"), std::string::npos) << "no secrets in messages";
    }
  }
  EXPECT_THROW(Accounts::parse("", "users"), Error);
}

}  // namespace
}  // namespace imgb::server
