#include "registry/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "core/base/base64.h"
#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

TEST(SettingsPlaces, FollowTheEnvironment) {
  SettingsPlaces plain = settings_places({{"HOME", "/home/me"}}, 1000);
  EXPECT_THAT(plain.registries_conf,
              ElementsAre("/home/me/.config/containers/registries.conf", "/etc/containers/registries.conf"));
  EXPECT_THAT(plain.auth_files, ElementsAre("/run/containers/1000/auth.json", "/home/me/.config/containers/auth.json",
                                            "/home/me/.docker/config.json"));
  EXPECT_THAT(plain.certificate_folders,
              ElementsAre("/home/me/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"));
  SettingsPlaces chosen = settings_places({{"HOME", "/home/me"},
                                           {"XDG_RUNTIME_DIR", "/run/user/7"},
                                           {"DOCKER_CONFIG", "/dc"},
                                           {"CONTAINERS_REGISTRIES_CONF", "/my.conf"}},
                                          7);
  EXPECT_THAT(chosen.registries_conf, ElementsAre("/my.conf"));
  EXPECT_THAT(chosen.auth_files, ElementsAre("/run/user/7/containers/auth.json",
                                             "/home/me/.config/containers/auth.json", "/dc/config.json"));
  EXPECT_THAT(settings_places({{"HOME", "/h"}, {"REGISTRY_AUTH_FILE", "/a.json"}}, 0).auth_files,
              ElementsAre("/a.json"));
  EXPECT_THAT(settings_places({}, 0).registries_conf, ElementsAre("/etc/containers/registries.conf"));
}

TEST(TransportSettings, ProxiesComeInBothSpellingsAndNotFromAWebServer) {
  EXPECT_EQ(transport_options({{"HTTP_PROXY", "http://a"}}).proxies.http, "http://a");
  EXPECT_EQ(transport_options({{"HTTP_PROXY", "http://a"}, {"http_proxy", "http://b"}}).proxies.http, "http://b");
  EXPECT_EQ(transport_options({{"HTTP_PROXY", "http://a"}, {"REQUEST_METHOD", "GET"}}).proxies.http, "");
  EXPECT_EQ(transport_options({{"https_proxy", "http://c"}, {"NO_PROXY", "x"}}).proxies.no_proxy, "x");
}

class FilesOnDisk : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& content, mode_t mode = 0600) {
    fs::path path = folder.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  SettingsPlaces places() {
    SettingsPlaces out;
    out.registries_conf = {folder.path() / "none.conf", folder.path() / "registries.conf"};
    out.registries_conf_folders = {folder.path() / "conf.d"};
    out.auth_files = {folder.path() / "auth.json", folder.path() / "config.json"};
    out.certificate_folders = {folder.path() / "certs.d"};
    return out;
  }
  FileSettings settings() {
    return FileSettings(places(), [this](std::string text) { warnings.push_back(std::move(text)); });
  }
  /// A helper program in PATH that runs `script`.
  void install_helper(const std::string& name, const std::string& script) {
    write("bin/docker-credential-" + name, "#!/bin/sh\n" + script + "\n", 0755);
    path_before = ::getenv("PATH");
    ::setenv("PATH", ((folder.path() / "bin").string() + ":" + path_before).c_str(), 1);
  }
  ~FilesOnDisk() override {
    if (!path_before.empty()) ::setenv("PATH", path_before.c_str(), 1);
  }
  TempDir folder;
  std::vector<std::string> warnings;
  std::string path_before;
};

TEST_F(FilesOnDisk, WithoutFilesEverythingIsAnonymous) {
  FileSettings s = settings();
  EXPECT_TRUE(s.registries().rules().empty());
  EXPECT_EQ(s.find_credential("r", "x"), std::nullopt);
  EXPECT_EQ(s.tls_for("r"), TlsOptions{});
}

TEST_F(FilesOnDisk, DropInsAreReadInOrderAfterTheFile) {
  write("registries.conf", "[[registry]]\nlocation=\"a\"\n");
  write("conf.d/20-x.conf", "[[registry]]\nlocation=\"b\"\nblocked=true\n");
  write("conf.d/10-x.conf", "[[registry]]\nlocation=\"b\"\n");
  write("conf.d/ignored.txt", "not toml");
  FileSettings s = settings();
  ASSERT_EQ(s.registries().rules().size(), 2u);
  EXPECT_TRUE(s.registries().rules()[1].blocked);
}

TEST_F(FilesOnDisk, ANamedFileThatIsMissingIsAMistake) {
  SettingsPlaces p = places();
  p.registries_conf_required = true;
  FileSettings s(p, {});
  EXPECT_THROW(s.registries(), Error);
}

TEST_F(FilesOnDisk, TheFirstFileWithAnAnswerWins) {
  write("auth.json", R"({"auths":{"r":{"auth":")" + encode_base64("one:1") + "\"}}}");
  write("config.json", R"({"auths":{"r":{"auth":")" + encode_base64("two:2") + R"("},"s":{"auth":")" +
                           encode_base64("three:3") + "\"}}}");
  FileSettings s = settings();
  EXPECT_EQ(s.find_credential("r", "x")->user, "one");
  EXPECT_EQ(s.find_credential("s", "x")->user, "three");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(FilesOnDisk, V68_PasswordsThatOthersCanReadAreWarnedOf) {
  write("auth.json", R"({"auths":{"r":{"auth":"YTpi"}}})", 0644);
  write("config.json", R"({"credsStore":"x"})", 0644);
  FileSettings s = settings();
  s.find_credential("r", "x");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("chmod 600"), std::string::npos);
}

TEST_F(FilesOnDisk, AHelperIsAskedForTheServer) {
  install_helper("fake", R"(test "$1" = get || exit 9
read server; printf '{"ServerURL":"%s","Username":"u-%s","Secret":"s"}' "$server" "$server")");
  write("config.json", R"({"credsStore":"fake"})");
  FileSettings s = settings();
  EXPECT_EQ(s.find_credential("r:5000", "x"), (Credential{"u-r:5000", "s", ""}));
  EXPECT_EQ(s.find_credential("docker.io", "x")->user, "u-https://index.docker.io/v1/");
}

TEST_F(FilesOnDisk, AHelperWithNothingLeavesTheFileToAnswer) {
  install_helper("empty", "echo 'credentials not found in native keychain'; exit 1");
  write("config.json", R"({"credsStore":"empty","auths":{"r":{"auth":"YTpi"}}})");
  FileSettings s = settings();
  EXPECT_EQ(s.find_credential("r", "x")->user, "a");
  EXPECT_EQ(s.find_credential("other", "x"), std::nullopt);
}

TEST_F(FilesOnDisk, V67_AHelperThatFailsIsAnErrorNotAnotherCredential) {
  install_helper("broken", "echo 'keychain is locked' >&2; echo hunter2; exit 3");
  write("auth.json", R"({"credHelpers":{"r":"broken"},"auths":{"r":{"auth":"YTpi"}}})");
  write("config.json", R"({"auths":{"r":{"auth":"YTpi"}}})");
  FileSettings s = settings();
  try {
    s.find_credential("r", "x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::denied);
    EXPECT_NE(std::string(e.what()).find("keychain is locked"), std::string::npos) << e.what();
    EXPECT_EQ(std::string(e.what()).find("hunter2"), std::string::npos) << e.what();
  }
}

TEST_F(FilesOnDisk, V68_AHelperThatIsMissingOrPrintsWithoutEndIsAnError) {
  install_helper("endless", "yes");
  write("auth.json", R"({"credHelpers":{"r":"endless","s":"not-there"}})");
  FileSettings s = settings();
  EXPECT_THROW(s.find_credential("r", "x"), Error);
  EXPECT_THROW(s.find_credential("s", "x"), Error);
  EXPECT_EQ(s.find_credential("t", "x"), std::nullopt);
}

TEST_F(FilesOnDisk, CertificatesAreFoundByHostAndPort) {
  write("certs.d/r:5000/ca.crt", "x");
  write("certs.d/r:5000/client.cert", "x");
  write("certs.d/r:5000/client.key", "x");
  write("certs.d/half/client.cert", "x");
  FileSettings s = settings();
  TlsOptions found = s.tls_for("r:5000");
  EXPECT_THAT(found.extra_ca_files, ElementsAre((folder.path() / "certs.d/r:5000/ca.crt").string()));
  EXPECT_EQ(found.client_key_file, (folder.path() / "certs.d/r:5000/client.key").string());
  EXPECT_TRUE(found.verify);
  EXPECT_EQ(s.tls_for("r"), TlsOptions{});
  EXPECT_THROW(s.tls_for("half"), Error);
}

}  // namespace
}  // namespace imgb
