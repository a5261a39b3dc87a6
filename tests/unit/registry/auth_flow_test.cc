#include "core/base/base64.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

/// A registry that wants to know who asks, with one image.
struct PrivateRegistry {
  explicit PrivateRegistry(FakeRegistry::Options options)
      : registry(std::move(options)),
        image(registry.add_image("team/app", "1", {{some_bytes(1000), {Digest::of("layer")}, kLayer}})) {}
  Reference name(const std::string& repository = "team/app") const {
    return Reference::parse(registry.host() + "/" + repository + ":1");
  }
  FakeRegistry registry;
  FakeRegistry::Image image;
};
FakeRegistry::Options with(FakeRegistry::Auth auth) {
  FakeRegistry::Options options;
  options.auth = auth;
  return options;
}
const Credential kAlice{"alice", "wonderland", ""};

/// Writes down with which certificate each server would be met.
class CertificateRecorder : public HttpTransport {
 public:
  explicit CertificateRecorder(HttpTransport& real) : real_(real) {}
  ResponseHead perform(const HttpRequest& request, const OnHead& on_head, std::stop_token stop) override {
    shown[request.url.origin.authority() + request.url.path()] = request.tls.client_certificate_file;
    return real_.perform(request, on_head, stop);
  }
  std::map<std::string, std::string> shown;

 private:
  HttpTransport& real_;
};

class AuthFlow : public testing::Test, public World {
 protected:
  AuthFlow() : World(impatient()) {}
  void pull(const PrivateRegistry& from) {
    client.get_manifest(from.name(), {});
    client.fetch_blob(from.name(), from.image.layers.at(0), store, nullptr, nullptr, {});
  }
};

TEST_F(AuthFlow, BasicIsSentOnceAskedForAndThenAtOnce) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::basic));
  settings.credentials[guarded.registry.host()] = kAlice;
  pull(guarded);
  auto requests = guarded.registry.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].header("Authorization"), "");
  EXPECT_EQ(requests[1].header("Authorization"), requests[2].header("Authorization"));
}

TEST_F(AuthFlow, OneTokenServesManifestAndBlobs) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::bearer));
  settings.credentials[guarded.registry.host()] = kAlice;
  pull(guarded);
  EXPECT_EQ(guarded.registry.count("GET", "/token"), 1u);
  EXPECT_EQ(guarded.registry.requests().size(), 4u);
  auto token_request = guarded.registry.requests()[1];
  EXPECT_EQ(token_request.query("scope"), "repository:team/app:pull");
  EXPECT_EQ(token_request.query("service"), "fake");
}

TEST_F(AuthFlow, AnonymousTokensNeedNoCredential) {
  FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
  options.anonymous_tokens = true;
  PrivateRegistry guarded(options);
  pull(guarded);
  EXPECT_EQ(guarded.registry.requests()[1].header("Authorization"), "");
}

TEST_F(AuthFlow, AnIdentityTokenIsTradedForAnAccessToken) {
  FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
  options.identity_token = "refresh+me/=";
  PrivateRegistry guarded(options);
  settings.credentials[guarded.registry.host()] = {"", "", "refresh+me/="};
  pull(guarded);
  EXPECT_EQ(guarded.registry.count("POST", "/token"), 1u);
}

TEST_F(AuthFlow, ATokenThatEndsBetweenBlobsIsRenewed) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::bearer));
  settings.credentials[guarded.registry.host()] = kAlice;
  client.get_manifest(guarded.name(), {});
  guarded.registry.forget_tokens();
  client.fetch_blob(guarded.name(), guarded.image.layers.at(0), store, nullptr, nullptr, {});
  EXPECT_EQ(guarded.registry.count("GET", "/token"), 2u);
}

TEST_F(AuthFlow, F9_A401LoopEndsAfterTwo) {
  for (auto auth : {FakeRegistry::Auth::basic, FakeRegistry::Auth::bearer}) {
    PrivateRegistry guarded(with(auth));
    settings.credentials[guarded.registry.host()] = kAlice;
    guarded.registry.add_fault({.path = "/v2/", .times = -1, .change = [&](FakeReply& reply) {
                                  reply.status = 401;
                                  reply.headers.set("WWW-Authenticate",
                                                    auth == FakeRegistry::Auth::basic
                                                        ? "Basic realm=\"x\""
                                                        : "Bearer realm=\"" + guarded.registry.url("/token") + "\"");
                                }});
    std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
    EXPECT_EQ(guarded.registry.count("GET", "/v2/"), 2u);
    EXPECT_NE(text.find("401"), std::string::npos) << text;
  }
}

TEST_F(AuthFlow, WithoutACredentialTheErrorSaysHowToLogIn) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::basic));
  std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_NE(text.find("imgb login " + guarded.registry.host()), std::string::npos) << text;
}

TEST_F(AuthFlow, AWrongPasswordIsAnErrorThatDoesNotShowIt) {
  for (auto auth : {FakeRegistry::Auth::basic, FakeRegistry::Auth::bearer}) {
    PrivateRegistry guarded(with(auth));
    settings.credentials[guarded.registry.host()] = {"alice", "hunter2", ""};
    std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_EQ(text.find(encode_base64("alice:hunter2")), std::string::npos) << text;
  }
}

TEST_F(AuthFlow, V60_NoCredentialCrossesARedirectToAnotherServer) {
  for (auto auth : {FakeRegistry::Auth::basic, FakeRegistry::Auth::bearer}) {
    PrivateRegistry guarded(with(auth));
    FakeRegistry cdn;
    cdn.add_file("/data", {200, {}, some_bytes(1000)});
    settings.credentials[guarded.registry.host()] = kAlice;
    settings.credentials[cdn.host()] = {"cdn", "cdn", ""};
    guarded.registry.add_fault({.path = "/blobs/", .times = -1, .change = [&](FakeReply& reply) {
                                  if (reply.status == 200) reply = {307, {{"Location", cdn.url("/data?sig=1")}}, ""};
                                }});
    store.remove(guarded.image.layers.at(0).digest);
    pull(guarded);
    EXPECT_EQ(cdn.count("GET", "/data?sig=1"), 1u);
    EXPECT_FALSE(cdn.was_sent_credentials());
  }
}

TEST_F(AuthFlow, V60_ComingBackFromAnotherServerBringsNoCredentialBack) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::basic));
  FakeRegistry other;
  settings.credentials[guarded.registry.host()] = kAlice;
  guarded.registry.add_fault({.path = "/manifests/", .times = -1, .change = [&](FakeReply& reply) {
                                if (reply.status == 200) reply = {302, {{"Location", other.url("/back")}}, ""};
                              }});
  other.add_file("/back", {302, {{"Location", guarded.registry.url("/landed")}}, ""});
  guarded.registry.add_file("/landed", {404, {}, ""});
  error_of(ErrorKind::not_found, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(guarded.registry.requests().back().path(), "/landed");
  EXPECT_EQ(guarded.registry.requests().back().header("Authorization"), "");
}

TEST_F(AuthFlow, V60_AChallengeFromARedirectsTargetIsNotAnswered) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::none));
  FakeRegistry other;
  settings.credentials[guarded.registry.host()] = kAlice;
  guarded.registry.add_fault(
      {.path = "/manifests/", .times = -1, .status = 302, .headers = {{"Location", other.url("/x")}}});
  other.add_file("/x", {401, {{"WWW-Authenticate", "Bearer realm=\"" + other.url("/token") + "\""}}, ""});
  error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(other.requests().size(), 1u);
  EXPECT_FALSE(other.was_sent_credentials());
  EXPECT_FALSE(guarded.registry.was_sent_credentials());
}

TEST_F(AuthFlow, V62_AForeignTokenServiceIsNotGivenTheRegistrysCredential) {
  FakeRegistry::Options service_options = with(FakeRegistry::Auth::bearer);
  service_options.address = "127.0.0.2";
  service_options.anonymous_tokens = true;
  FakeRegistry service(service_options);
  FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
  options.realm = service.url("/token");
  PrivateRegistry guarded(options);
  settings.credentials[guarded.registry.host()] = kAlice;
  error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(service.count("GET", "/token"), 1u);
  EXPECT_FALSE(service.was_sent_credentials());
  for (const FakeRequest& request : service.requests()) {
    EXPECT_EQ(request.target.find("alice"), std::string::npos) << request.target;
  }
}

TEST_F(AuthFlow, V62_ARegistryThatNamesAnothersTokenServiceGetsNoTokenOfTheUsers) {
  FakeRegistry::Options victim_options = with(FakeRegistry::Auth::bearer);
  victim_options.address = "127.0.0.2";
  PrivateRegistry victim(victim_options);
  settings.credentials[victim.registry.host()] = kAlice;
  for (const auto& of_attacker : {std::optional<Credential>(), std::optional(Credential{"alice", "other", ""})}) {
    FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
    options.realm = victim.registry.url("/token");
    PrivateRegistry attacker(options);
    if (of_attacker) settings.credentials[attacker.registry.host()] = *of_attacker;
    std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(attacker.name(), {}); });
    EXPECT_FALSE(victim.registry.was_sent_credentials());
    EXPECT_FALSE(attacker.registry.was_sent_credentials());
    EXPECT_NE(text.find((of_attacker ? "imgb login --verify=false " : "imgb login ") +
                        (of_attacker ? victim : attacker).registry.host()),
              std::string::npos)
        << text;
  }
  EXPECT_EQ(victim.registry.count("GET", "/token"), 2u);
}

TEST_F(AuthFlow, V62_AForeignTokenServiceIsNotShownTheCertificateStoredForIt) {
  FakeRegistry::Options service_options = with(FakeRegistry::Auth::bearer);
  service_options.address = "127.0.0.2";
  service_options.anonymous_tokens = true;
  FakeRegistry service(service_options);
  for (const std::string& realm : {service.url("/token"), std::string()}) {
    FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
    options.realm = realm;
    options.anonymous_tokens = true;
    PrivateRegistry guarded(options);
    settings.tls[service.host()] = {true, {}, "of-service.cert", "of-service.key"};
    settings.tls[guarded.registry.host()] = {true, {}, "of-registry.cert", "of-registry.key"};
    CertificateRecorder recorder(transport);
    RegistryClient recorded(recorder, settings, retrier);
    try {
      recorded.get_manifest(guarded.name(), {});
    } catch (const Error&) {
      // a token of the other service opens nothing here
    }
    EXPECT_EQ(recorder.shown[guarded.registry.host() + "/v2/team/app/manifests/1"], "of-registry.cert");
    if (realm.empty()) {
      EXPECT_EQ(recorder.shown[guarded.registry.host() + "/token"], "of-registry.cert");
    } else {
      EXPECT_EQ(recorder.shown.at(service.host() + "/token"), "");
    }
  }
}

TEST_F(AuthFlow, V60_ComingBackFromAnotherServerShowsNoCertificate) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::none));
  FakeRegistry other;
  settings.tls[guarded.registry.host()] = {true, {}, "of-registry.cert", "of-registry.key"};
  guarded.registry.add_fault(
      {.path = "/manifests/", .times = -1, .status = 302, .headers = {{"Location", other.url("/back")}}});
  other.add_file("/back", {302, {{"Location", guarded.registry.url("/landed")}}, ""});
  CertificateRecorder recorder(transport);
  RegistryClient recorded(recorder, settings, retrier);
  error_of(ErrorKind::not_found, [&] { recorded.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(recorder.shown.at(guarded.registry.host() + "/landed"), "");
}

TEST_F(AuthFlow, V62_TheSameCredentialStoredForBothReachesAForeignTokenService) {
  FakeRegistry::Options service_options = with(FakeRegistry::Auth::bearer);
  service_options.address = "127.0.0.2";
  FakeRegistry service(service_options);
  FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
  options.realm = service.url("/token");
  PrivateRegistry guarded(options);
  settings.credentials[guarded.registry.host()] = settings.credentials[service.host()] = kAlice;
  error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });  // it knows no tokens of that service
  EXPECT_EQ(service.requests().at(0).header("Authorization"), "Basic " + encode_base64("alice:wonderland"));
}

TEST_F(AuthFlow, V62_ATokenServiceThatRedirectsIsNotFollowed) {
  FakeRegistry other;
  other.add_file("/token", {200, {}, R"({"token":"x"})"});
  PrivateRegistry guarded(with(FakeRegistry::Auth::bearer));
  settings.credentials[guarded.registry.host()] = kAlice;
  guarded.registry.add_fault({.path = "/token", .status = 302, .headers = {{"Location", other.url("/token")}}});
  std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_NE(text.find("redirect"), std::string::npos) << text;
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(AuthFlow, V62_RealmsOnOtherNetworksAreNotAsked) {
  for (const char* realm : {"http://169.254.169.254/latest", "http://10.0.0.1/token", "http://[fe80::1]/token",
                            "file:///etc/passwd", "http://u:p@127.0.0.1/token"}) {
    FakeRegistry::Options options = with(FakeRegistry::Auth::bearer);
    options.realm = realm;
    PrivateRegistry guarded(options);
    settings.credentials[guarded.registry.host()] = kAlice;
    std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
    EXPECT_NE(text.find("token service"), std::string::npos) << text;
  }
}

TEST_F(AuthFlow, V63_TokensAreNotSharedBetweenRepositoriesOrRegistries) {
  FakeRegistry::Options first_options = with(FakeRegistry::Auth::bearer);
  PrivateRegistry first(first_options);
  first.registry.add_image("other/app", "1", {});
  FakeRegistry::Options second_options = with(FakeRegistry::Auth::bearer);
  second_options.realm = first.registry.url("/token");  // the same service for both
  PrivateRegistry second(second_options);
  settings.credentials[first.registry.host()] = kAlice;
  settings.credentials[second.registry.host()] = kAlice;
  client.get_manifest(first.name(), {});
  client.get_manifest(first.name("other/app"), {});
  EXPECT_EQ(first.registry.count("GET", "/token"), 2u);
  error_of(ErrorKind::denied, [&] { client.get_manifest(second.name(), {}); });
  for (const FakeRequest& request : second.registry.requests()) {
    for (const char* used : {"token-1", "token-2"})
      EXPECT_NE(request.header("Authorization"), std::string("Bearer ") + used);
  }
}

TEST_F(AuthFlow, V67_AMirrorGetsItsOwnCredentialNotTheRegistrys) {
  PrivateRegistry mirror(with(FakeRegistry::Auth::basic));
  settings.credentials["example.invalid"] = kAlice;
  settings.conf.add("[[registry]]\nlocation = \"example.invalid\"\n[[registry.mirror]]\nlocation = \"" +
                        mirror.registry.host() + "\"\n",
                    "test.conf");
  error_of(ErrorKind::unavailable, [&] { client.get_manifest(Reference::parse("example.invalid/team/app:1"), {}); });
  EXPECT_FALSE(mirror.registry.was_sent_credentials());
}

TEST_F(AuthFlow, F7_ACutTokenAnswerIsAskedForAgain) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::bearer));
  settings.credentials[guarded.registry.host()] = kAlice;
  guarded.registry.add_fault({.path = "/token", .body = "<html>"});
  guarded.registry.add_fault({.path = "/token", .cut_at = 3});
  guarded.registry.add_fault({.path = "/token", .status = 503});
  pull(guarded);
  EXPECT_EQ(guarded.registry.count("GET", "/token"), 4u);
}

TEST_F(AuthFlow, F9_ATokenServiceThatIsDownIsAskedAsOftenAsARegistry) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::bearer));
  settings.credentials[guarded.registry.host()] = kAlice;
  guarded.registry.add_fault(
      {.path = "/token", .times = -1, .status = 503, .headers = {{"Retry-After", "60"}}, .body = ""});
  error_of(ErrorKind::unavailable, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(guarded.registry.count("GET", "/token"), 6u);
  EXPECT_EQ(waits.size(), 5u);
}

TEST_F(AuthFlow, F9_ATokenServiceThatTalksNonsenseIsAskedThreeTimes) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::bearer));
  guarded.registry.add_fault({.path = "/token", .times = -1, .status = 200, .body = "<html>"});
  error_of(ErrorKind::corrupt, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(guarded.registry.count("GET", "/token"), 3u);
}

TEST_F(AuthFlow, V69_AnEndlessErrorBodyIsCutShort) {
  PrivateRegistry guarded(with(FakeRegistry::Auth::none));
  guarded.registry.add_fault(
      {.path = "/manifests/", .times = -1, .status = 403, .body = "\x1b]0;pwn\a", .endless_after = 8});
  std::string text = error_of(ErrorKind::denied, [&] { client.get_manifest(guarded.name(), {}); });
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 2000u);
}

}  // namespace
}  // namespace imgb
