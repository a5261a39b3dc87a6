#include <fstream>
#include <thread>

#include "registry/exchange.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

class Transport : public testing::Test, public World {
 protected:
  Transport() : World(impatient()) {}
  std::string get(HttpRequest request) {
    StringSink body;
    head = transport.perform(request, [&](const ResponseHead&) { return &body; }, {});
    return body.take();
  }
  std::string get(const std::string& url) {
    HttpRequest request;
    request.url = Url::parse(url);
    return get(std::move(request));
  }
  TransportFailure failure_of(HttpRequest request) {
    try {
      get(std::move(request));
    } catch (const TransportError& e) {
      last_error = e.what();
      return e.failure();
    }
    ADD_FAILURE() << "no TransportError";
    return TransportFailure::cut;
  }
  static HttpRequest secure(const FakeRegistry& registry) {
    HttpRequest request;
    request.url = Url::parse(registry.url("/x"));
    request.tls.extra_ca_files = {registry.ca_file()};
    return request;
  }
  static FakeRegistry::Options with(FakeRegistry::Tls tls) {
    FakeRegistry::Options options;
    options.tls = tls;
    return options;
  }
  ResponseHead head;
  std::string last_error;
};

TEST_F(Transport, AConnectionIsUsedAgain) {
  FakeRegistry registry;
  registry.add_file("/x", {200, {{"ETag", "\"e\""}}, "hello"});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(registry.url("/x")), "hello");
  EXPECT_EQ(registry.connections(), 1u);
  EXPECT_EQ(head.peer, AddressClass::loopback);
  EXPECT_EQ(head.headers.find("etag"), "\"e\"");
}

TEST_F(Transport, PathsGoOutAsTheyAreAndHeadersToo) {
  FakeRegistry registry;
  HttpRequest request;
  request.url = Url::parse(registry.url("/a/../b?c=%2F"));
  request.headers = {{"X-Empty", ""}, {"X-Text", "a b"}};
  get(request);
  FakeRequest seen = registry.requests().front();
  EXPECT_EQ(seen.target, "/a/../b?c=%2F");
  EXPECT_TRUE(seen.headers.find("X-Empty"));
  EXPECT_EQ(seen.header("X-Text"), "a b");
  EXPECT_EQ(seen.header("User-Agent").rfind("imgb/", 0), 0u);
  request.headers = {{"X", "a\r\nAuthorization: x"}};
  error_of(ErrorKind::input, [&] { get(request); });
}

TEST_F(Transport, TlsWorksWithACertificateAuthorityOfOnesOwn) {
  FakeRegistry registry(with(FakeRegistry::Tls::good));
  registry.add_file("/x", {200, {}, "hello"});
  EXPECT_EQ(get(secure(registry)), "hello");
}

TEST_F(Transport, F11_BadTlsIsAnErrorWithAReason) {
  for (auto tls : {FakeRegistry::Tls::expired, FakeRegistry::Tls::wrong_name, FakeRegistry::Tls::only_1_1}) {
    FakeRegistry registry(with(tls));
    EXPECT_EQ(failure_of(secure(registry)), TransportFailure::tls) << last_error;
    EXPECT_TRUE(registry.requests().empty());
  }
  FakeRegistry self_signed(with(FakeRegistry::Tls::good));
  HttpRequest request = secure(self_signed);
  request.tls.extra_ca_files.clear();
  EXPECT_EQ(failure_of(request), TransportFailure::tls) << last_error;
  EXPECT_NE(last_error.find("certificate"), std::string::npos) << last_error;
  request.tls.verify = false;
  EXPECT_EQ(get(request).find("NOT_FOUND") != std::string::npos, true);
}

TEST_F(Transport, F11_PlainHttpOnATlsPortIsNotSpoken) {
  FakeRegistry plain;
  HttpRequest request;
  request.url = Url::parse("https://" + plain.host() + "/x");
  EXPECT_EQ(failure_of(request), TransportFailure::no_tls) << last_error;
  EXPECT_TRUE(plain.requests().empty());
}

TEST_F(Transport, V62_AddressesAreCheckedWhereNamesLead) {
  FakeRegistry registry;
  HttpRequest request;
  request.url = Url::parse("http://localhost:" + std::to_string(registry.port()) + "/x");
  request.addresses = AddressRule::named_by(AddressClass::global);
  EXPECT_EQ(failure_of(request), TransportFailure::refused_address) << last_error;
  EXPECT_TRUE(registry.requests().empty());
  EXPECT_EQ(registry.connections(), 0u);
}

TEST_F(Transport, V62_AKeptConnectionIsNoWayAroundTheAddressCheck) {
  FakeRegistry registry;
  HttpRequest request;
  request.url = Url::parse(registry.url("/x"));
  get(request);
  registry.forget_requests();
  request.addresses = AddressRule::named_by(AddressClass::global);
  EXPECT_EQ(failure_of(request), TransportFailure::refused_address) << last_error;
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(Transport, ThrowingFromASinkPassesThroughTheLibrary) {
  struct Throwing : Sink {
    void write(std::span<const std::byte>) override { throw SystemError(ENOSPC, "write"); }
  } sink;
  FakeRegistry registry;
  registry.add_file("/x", {200, {}, "hello"});
  HttpRequest request;
  request.url = Url::parse(registry.url("/x"));
  EXPECT_THROW(transport.perform(request, [&](const ResponseHead&) { return &sink; }, {}), SystemError);
  EXPECT_THROW(
      transport.perform(request, [&](const ResponseHead&) -> Sink* { throw_error(ErrorKind::denied, "no"); }, {}),
      Error);
  EXPECT_EQ(get(request), "hello");
}

TEST_F(Transport, StoppedBeforeItBeganAsksNobody) {
  FakeRegistry registry;
  std::stop_source stop;
  stop.request_stop();
  HttpRequest request;
  request.url = Url::parse(registry.url("/x"));
  error_of(ErrorKind::cancelled, [&] {
    transport.perform(
        request, [](const ResponseHead&) { return nullptr; }, stop.get_token());
  });
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(Transport, AProxyIsAskedForOtherHosts) {
  FakeRegistry proxy;
  TransportOptions options = impatient();
  options.proxies.http = "http://" + proxy.host();
  World behind(options);
  proxy.add_fault({.times = -1, .status = 200, .body = "from proxy"});
  StringSink body;
  HttpRequest request;
  request.url = Url::parse("http://example.invalid/x");
  ResponseHead got = behind.transport.perform(request, [&](const ResponseHead&) { return &body; }, {});
  EXPECT_EQ(body.text(), "from proxy");
  EXPECT_EQ(got.peer, std::nullopt);
  EXPECT_EQ(proxy.requests().front().target, "http://example.invalid/x");
}

class Redirects : public Transport {
 protected:
  ResponseHead follow(const std::string& url, bool strict = false) {
    HttpRequest request;
    request.url = Url::parse(url);
    request.headers = {{"Authorization", "Basic x"}, {"Cookie", "c"}, {"X-Secret", "s"}, {"X-Plain", "p"}};
    RedirectRules rules{[](const Origin&) { return TlsOptions{}; }, strict, {"X-Secret"}};
    return exchange(transport, request, [](const ResponseHead&) { return nullptr; }, rules, {});
  }
};

TEST_F(Redirects, V60_OnlyHarmlessHeadersReachAnotherServer) {
  FakeRegistry first, second;
  first.add_file("/x", {302, {{"Location", second.url("/y")}}, "moved"});
  second.add_file("/y", {200, {}, ""});
  EXPECT_EQ(follow(first.url("/x")).status, 200);
  FakeRequest seen = second.requests().front();
  EXPECT_FALSE(second.was_sent_credentials());
  EXPECT_EQ(seen.header("X-Secret"), "");
  EXPECT_EQ(seen.header("X-Plain"), "p");
}

TEST_F(Redirects, HeadersStayOnTheSameServer) {
  FakeRegistry registry;
  registry.add_file("/x", {302, {{"Location", "y"}}, ""});
  registry.add_file("/y", {200, {}, ""});
  EXPECT_EQ(follow(registry.url("/x"), true).status, 200);
  EXPECT_EQ(registry.requests().back().header("Authorization"), "Basic x");
}

TEST_F(Redirects, F12_LoopsEndAfterTen) {
  FakeRegistry registry;
  registry.add_file("/x", {307, {{"Location", "/x"}}, ""});
  std::string text = error_of(ErrorKind::denied, [&] { follow(registry.url("/x")); });
  EXPECT_NE(text.find("10 redirects"), std::string::npos) << text;
  EXPECT_EQ(registry.requests().size(), 11u);
}

TEST_F(Redirects, V36_NoServerSendsUsToAnotherNetwork) {
  FakeRegistry registry;
  for (const char* target : {"http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://[fe80::1]/",
                             "file:///etc/shadow", "ftp://127.0.0.1/", "gopher://127.0.0.1/"}) {
    registry.add_file("/x", {302, {{"Location", target}}, ""});
    EXPECT_THROW(follow(registry.url("/x")), Error) << target;
  }
}

TEST_F(Redirects, V36_StrictlyNoOtherServerOnThisHostEither) {
  FakeRegistry first, second;
  first.add_file("/x", {302, {{"Location", second.url("/y")}}, ""});
  EXPECT_THROW(follow(first.url("/x"), true), TransportError);
  EXPECT_TRUE(second.requests().empty());
}

TEST_F(Redirects, AnEndlessRedirectBodyDoesNotHoldUsUp) {
  FakeRegistry registry;
  registry.add_fault({.path = "/x", .status = 302, .headers = {{"Location", "/y"}}, .endless_after = 0});
  registry.add_file("/y", {200, {}, ""});
  EXPECT_EQ(follow(registry.url("/x")).status, 200);
}

/// A client and a registry with TLS on loopback.
class SecureRegistry : public Transport {
 protected:
  void pull(const FakeRegistry& registry) { client.get_manifest(Reference::parse(registry.host() + "/app:1"), {}); }
};

TEST_F(SecureRegistry, CertificatesFromTheSettingsAreTrusted) {
  FakeRegistry registry(with(FakeRegistry::Tls::good));
  registry.add_image("app", "1", {});
  settings.tls[registry.host()].extra_ca_files = {registry.ca_file()};
  pull(registry);
  pull(registry);
  EXPECT_EQ(registry.count("GET", "/manifests/1"), 2u);
}

TEST_F(SecureRegistry, V65_ABadCertificateIsNeverAnsweredByPlainHttp) {
  for (auto tls : {FakeRegistry::Tls::expired, FakeRegistry::Tls::wrong_name, FakeRegistry::Tls::only_1_1}) {
    FakeRegistry registry(with(tls));
    registry.add_image("app", "1", {});
    settings.tls[registry.host()].extra_ca_files = {registry.ca_file()};
    std::string text = error_of(ErrorKind::denied, [&] { pull(registry); });
    EXPECT_NE(text.find(registry.host()), std::string::npos) << text;
    EXPECT_TRUE(registry.requests().empty());
    EXPECT_TRUE(waits.empty());
  }
}

TEST_F(SecureRegistry, F11_AHandshakeThatIsCutIsTriedAgainAndNeverAnsweredByPlainHttp) {
  FakeRegistry registry(with(FakeRegistry::Tls::cut_handshake));
  for (bool insecure : {false, true}) {
    waits.clear();
    if (insecure) settings.conf.add("[[registry]]\nlocation = \"" + registry.host() + "\"\ninsecure = true\n", "x");
    error_of(ErrorKind::unavailable, [&] { pull(registry); });
    EXPECT_EQ(waits.size(), 5u);
    EXPECT_TRUE(registry.requests().empty());
  }
}

TEST_F(SecureRegistry, V65_InsecureMeansUnverifiedTlsOrPlainHttp) {
  FakeRegistry unverified(with(FakeRegistry::Tls::expired)), plain;
  for (FakeRegistry* registry : {&unverified, &plain}) {
    registry->add_image("app", "1", {});
    settings.conf.add("[[registry]]\nlocation = \"" + registry->host() + "\"\ninsecure = true\n", "test.conf");
    EXPECT_NO_THROW(pull(*registry));
  }
}

}  // namespace
}  // namespace imgb
