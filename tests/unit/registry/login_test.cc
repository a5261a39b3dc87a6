#include "registry/login.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;
const Credential kAlice{"alice", "wonderland", ""};

class Login : public testing::Test, public World {
 protected:
  FakeRegistry::Options with(FakeRegistry::Auth auth) {
    FakeRegistry::Options options;
    options.auth = auth;
    return options;
  }
  bool check(const FakeRegistry& registry, const Credential& credential) {
    return check_credential(transport, settings, LoginTarget::parse(registry.host()), credential, {});
  }
  std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  TempDir temp;
};

TEST_F(Login, TheRegistryDecidesWhetherACredentialIsRight) {
  for (auto auth : {FakeRegistry::Auth::basic, FakeRegistry::Auth::bearer}) {
    FakeRegistry registry(with(auth));
    EXPECT_TRUE(check(registry, kAlice));
    std::string text = error_of(ErrorKind::denied, [&] { check(registry, {"alice", "hunter2", ""}); });
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_NE(text.find("password is wrong"), std::string::npos) << text;
  }
}

TEST_F(Login, ARegistryThatAsksNobodyIsToldFromOneThatAccepts) {
  FakeRegistry open;
  EXPECT_FALSE(check(open, kAlice));
  EXPECT_FALSE(open.was_sent_credentials()) << "what nobody asks for is not sent";
}

TEST_F(Login, V62_WhatIsTypedForOneRegistryIsNotSentToTheTokenServiceOfAnother) {
  FakeRegistry victim(with(FakeRegistry::Auth::bearer));
  FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
  options.address = "127.0.0.2";
  options.realm = victim.url("/token");
  FakeRegistry attacker(options);
  EXPECT_THROW(check(attacker, kAlice), Error);
  EXPECT_FALSE(victim.was_sent_credentials());
}

TEST_F(Login, TheFileIsForItsOwnerAloneAndFoundAgain) {
  fs::path file = temp.path() / "new" / "auth.json";
  EXPECT_EQ(store_credential({file, false}, LoginTarget::parse("quay.io"), kAlice), file.string());
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  FileSettings reader({.auth_files = {file}}, {});
  EXPECT_EQ(reader.find_credential("quay.io", "a/b"), kAlice);
}

TEST_F(Login, AFileThatIsALinkIsChangedWhereItIs) {
  std::ofstream(temp.path() / "real.json") << R"({"auths":{}})";
  fs::create_symlink("real.json", temp.path() / "auth.json");
  store_credential({temp.path() / "auth.json", false}, LoginTarget::parse("quay.io"), kAlice);
  EXPECT_TRUE(fs::is_symlink(temp.path() / "auth.json"));
  EXPECT_NE(read(temp.path() / "real.json").find("quay.io"), std::string::npos);
}

TEST_F(Login, TheFileThatKnowsTheRegistryIsTheOneThatIsWritten) {
  SettingsPlaces places{.auth_files = {temp.path() / "auth.json", temp.path() / "config.json"}};
  EXPECT_EQ(choose_auth_file(places, LoginTarget::parse("quay.io")).path, places.auth_files[0]);
  std::ofstream(places.auth_files[1]) << R"({"auths":{"quay.io":{"auth":"eDp5"}}})";
  AuthFilePlace place = choose_auth_file(places, LoginTarget::parse("quay.io"));
  EXPECT_EQ(place.path, places.auth_files[1]);
  EXPECT_TRUE(place.docker_style);
  EXPECT_EQ(choose_auth_file(places, LoginTarget::parse("example.com")).path, places.auth_files[0]);
}

TEST_F(Login, LogoutEmptiesEveryFileThatKnowsTheRegistry) {
  std::vector<fs::path> files{temp.path() / "a.json", temp.path() / "b.json", temp.path() / "absent.json"};
  for (int i : {0, 1})
    store_credential({files[static_cast<std::size_t>(i)], false}, LoginTarget::parse("quay.io"), kAlice);
  EXPECT_EQ(list_logins(files).size(), 1u);
  EXPECT_EQ(erase_credential(files, LoginTarget::parse("quay.io")).size(), 2u);
  EXPECT_TRUE(erase_credential(files, LoginTarget::parse("quay.io")).empty());
  EXPECT_TRUE(list_logins(files).empty());
}

TEST_F(Login, AHelperGetsTheSecretOnItsStandardInputAlone) {
  fs::path helper = temp.path() / "docker-credential-fake";
  std::ofstream(helper) << "#!/bin/sh\necho \"$1 $*\" >> " << temp.path().string() << "/calls\n"
                        << "case $1 in store) cat > " << temp.path().string() << "/kept;; get) cat > /dev/null; cat "
                        << temp.path().string() << "/kept;; erase) rm " << temp.path().string() << "/kept;; esac\n";
  fs::permissions(helper, fs::perms::owner_all);
  std::string path_before = std::getenv("PATH");
  ::setenv("PATH", (temp.path().string() + ":" + path_before).c_str(), 1);
  std::vector<fs::path> files{temp.path() / "config.json"};
  std::ofstream(files[0]) << R"({"credsStore":"fake"})";
  EXPECT_EQ(store_credential({files[0], true}, LoginTarget::parse("quay.io"), kAlice), "docker-credential-fake");
  EXPECT_EQ(read(files[0]), R"({"credsStore":"fake"})") << "no secret in the file";
  EXPECT_NE(read(temp.path() / "kept").find("wonderland"), std::string::npos);
  EXPECT_EQ(erase_credential(files, LoginTarget::parse("quay.io")).size(), 1u);
  EXPECT_FALSE(fs::exists(temp.path() / "kept"));
  EXPECT_EQ(read(temp.path() / "calls").find("wonderland"), std::string::npos);
  ::setenv("PATH", path_before.c_str(), 1);
}

TEST(LoginTarget, IsARegistryOrAPartOfOne) {
  EXPECT_EQ(LoginTarget::parse("https://index.docker.io/v1/").str(), "docker.io");
  EXPECT_EQ(LoginTarget::parse("quay.io/team").path, "team");
  EXPECT_EQ(LoginTarget::parse("http://localhost:5000/").str(), "localhost:5000");
  for (const char* bad : {"", "team", "team/app", "https://", "exa mple.com"})
    EXPECT_THROW(LoginTarget::parse(bad), Error) << bad;
}

}  // namespace
}  // namespace imgb
