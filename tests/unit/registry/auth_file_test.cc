#include "registry/auth_file.h"

#include <gtest/gtest.h>

#include "core/base/base64.h"
#include "core/base/error.h"

namespace imgb {
namespace {

std::string auths(std::initializer_list<std::pair<const char*, const char*>> entries) {
  std::string out = R"({"auths":{)";
  for (auto& [key, user] : entries) {
    if (!out.ends_with('{')) out += ",";
    out += fmt::format(R"("{}":{{"auth":"{}"}})", key, encode_base64(std::string(user) + ":secret"));
  }
  return out + "}}";
}
std::string user_for(const std::string& file, const char* registry, const char* repository = "a/b") {
  auto steps = credential_steps(file, "auth.json", registry, repository);
  return steps.empty() ? "" : std::get<Credential>(steps.front()).user;
}

TEST(AuthFile, V67_KeysMatchWholeAndExactly) {
  auto file = auths({{"example.com", "one"}, {"example.com:5000", "two"}, {"https://legacy.example/v2/", "three"}});
  EXPECT_EQ(user_for(file, "example.com"), "one");
  EXPECT_EQ(user_for(file, "example.com:5000"), "two");
  EXPECT_EQ(user_for(file, "legacy.example"), "three");
  for (const char* other : {"example.com.evil", "evil.example.com", "example.co", "example.com:443", "xexample.com"}) {
    EXPECT_EQ(user_for(file, other), "") << other;
  }
}

TEST(AuthFile, DockerHubHasItsOldNames) {
  for (const char* key : {"https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"}) {
    EXPECT_EQ(user_for(auths({{key, "me"}}), "docker.io", "library/x"), "me") << key;
  }
  EXPECT_EQ(user_for(auths({{"https://index.docker.io/v1/", "me"}}), "quay.io"), "");
}

TEST(AuthFile, TheMostSpecificNamespaceWins) {
  auto file = auths({{"r.example", "host"}, {"r.example/team", "team"}, {"r.example/team/app", "app"}});
  EXPECT_EQ(user_for(file, "r.example", "team/app"), "app");
  EXPECT_EQ(user_for(file, "r.example", "team/other/deep"), "team");
  EXPECT_EQ(user_for(file, "r.example", "teamwork"), "host");
}

TEST(AuthFile, HelpersForARegistryGoBeforeTheStoreAndTheFile) {
  std::string file = R"({"auths":{"r.example":{"auth":"eDp5"}},"credsStore":"pass",
    "credHelpers":{"gcr.io":"gcloud","docker.io":"hub"}})";
  EXPECT_EQ(credential_steps(file, "f", "gcr.io", "x"), (std::vector<CredentialStep>{AskHelper{"gcloud", "gcr.io"}}));
  EXPECT_EQ(credential_steps(file, "f", "docker.io", "x"),
            (std::vector<CredentialStep>{AskHelper{"hub", "https://index.docker.io/v1/"}}));
  EXPECT_EQ(credential_steps(file, "f", "r.example", "x"),
            (std::vector<CredentialStep>{AskHelper{"pass", "r.example"}, Credential{"x", "y", ""}}));
}

TEST(AuthFile, V68_HelpersAreNamesNotPaths) {
  for (const char* name : {"../../x", "a/b", "Pass", "a b", "a;b", ".", "a.b"}) {
    EXPECT_THROW(credential_steps(fmt::format(R"({{"credsStore":"{}"}})", name), "f", "r", "x"), Error) << name;
    EXPECT_THROW(credential_steps(fmt::format(R"({{"credHelpers":{{"r":"{}"}}}})", name), "f", "r", "x"), Error)
        << name;
  }
}

TEST(AuthFile, IdentityTokensAndPasswordsWithColonsAreRead) {
  std::string file =
      fmt::format(R"({{"auths":{{"a":{{"auth":"{}","identitytoken":"tok"}},"b":{{"auth":"{}"}},"c":{{}}}}}})",
                  encode_base64("<token>:"), encode_base64("user:pa:ss"));
  EXPECT_EQ(std::get<Credential>(credential_steps(file, "f", "a", "x").front()).identity_token, "tok");
  EXPECT_EQ(std::get<Credential>(credential_steps(file, "f", "b", "x").front()).secret, "pa:ss");
  EXPECT_TRUE(credential_steps(file, "f", "c", "x").empty());
}

TEST(AuthFile, MistakesNameTheFileAndNeverTheSecret) {
  for (const char* bad :
       {"", "[]", "{", R"({"auths":{"r":{"auth":"hunter2hunter2!"}}})", R"({"auths":{"r":{"auth":"aHVudGVyMg=="}}})"}) {
    try {
      credential_steps(bad, "/home/me/auth.json", "r", "x");
      FAIL() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find("auth.json"), std::string::npos) << e.what();
      EXPECT_EQ(std::string(e.what()).find("hunter2"), std::string::npos) << e.what();
    }
  }
}

TEST(CredentialHelper, AnswersAreRead) {
  EXPECT_EQ(parse_helper_answer(R"({"ServerURL":"r","Username":"u","Secret":"s"})"), (Credential{"u", "s", ""}));
  EXPECT_EQ(parse_helper_answer(R"({"Username":"<token>","Secret":"t"})"), (Credential{"", "", "t"}));
  EXPECT_EQ(parse_helper_answer(R"({"Username":"","Secret":""})"), std::nullopt);
  EXPECT_THROW(parse_helper_answer("oops hunter2"), Error);
  EXPECT_TRUE(says_no_credential("credentials not found in native keychain\n"));
  EXPECT_FALSE(says_no_credential("keychain is locked"));
}

}  // namespace
}  // namespace imgb

namespace imgb {
namespace {

const Credential kAlice{"alice", "wonderland", ""};

TEST(AuthFileChange, AnEntryTakesThePlaceOfTheOldOneAndTheRestStays) {
  std::string before = R"({"experimental":"on","auths":{"quay.io":{"auth":"eDp5"},"example.com":{"auth":"YTpi"}}})";
  std::string after = with_credential(before, "auth.json", "example.com", "", kAlice, false);
  auto steps = credential_steps(after, "auth.json", "example.com", "a/b");
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_EQ(std::get<Credential>(steps[0]), kAlice);
  EXPECT_EQ(user_for(after, "quay.io"), "x");
  EXPECT_LT(after.find("experimental"), after.find("auths")) << "keys keep their order";
}

TEST(AuthFileChange, ANewFileIsMadeOfNothing) {
  std::string made = with_credential("", "auth.json", "localhost:5000", "", kAlice, false);
  EXPECT_EQ(user_for(made, "localhost:5000"), "alice");
}

TEST(AuthFileChange, DockerHubIsCalledAsTheFileCallsIt) {
  std::string docker = with_credential("", "config.json", "docker.io", "", kAlice, true);
  EXPECT_NE(docker.find("https://index.docker.io/v1/"), std::string::npos);
  std::string containers = with_credential(docker, "auth.json", "docker.io", "", kAlice, false);
  EXPECT_NE(containers.find("\"docker.io\""), std::string::npos);
  EXPECT_EQ(containers.find("index.docker.io"), std::string::npos) << "one registry, one entry";
}

TEST(AuthFileChange, LogoutTakesExactlyOneRegistryOut) {
  std::string file = auths({{"example.com", "one"}, {"example.com:5000", "two"}, {"example.com/team", "three"}});
  auto after = without_credential(file, "auth.json", "example.com", "");
  ASSERT_TRUE(after);
  EXPECT_EQ(user_for(*after, "example.com", "other/x"), "");
  EXPECT_EQ(user_for(*after, "example.com:5000"), "two");
  EXPECT_EQ(user_for(*after, "example.com", "team/x"), "three");
  EXPECT_FALSE(without_credential(*after, "auth.json", "example.com", ""));
  auto part = without_credential(file, "auth.json", "example.com", "team");
  ASSERT_TRUE(part);
  EXPECT_EQ(user_for(*part, "example.com", "team/x"), "one");
}

TEST(AuthFileChange, HelpersKeepWhatTheFileGivesThem) {
  std::string file = R"({"credsStore":"pass","credHelpers":{"example.com":"gcloud"}})";
  EXPECT_EQ(find_helper(file, "config.json", "example.com", "")->helper, "gcloud");
  EXPECT_EQ(find_helper(file, "config.json", "quay.io", "")->helper, "pass");
  EXPECT_EQ(find_helper(file, "config.json", "docker.io", "")->server, "https://index.docker.io/v1/");
  EXPECT_FALSE(find_helper("{}", "config.json", "quay.io", ""));
}

TEST(AuthFileChange, WhatIsNoJsonIsNotReplaced) {
  EXPECT_THROW(with_credential("not json", "auth.json", "quay.io", "", kAlice, false), Error);
  EXPECT_THROW(with_credential("[]", "auth.json", "quay.io", "", kAlice, false), Error);
}

}  // namespace
}  // namespace imgb
