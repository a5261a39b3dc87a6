#include "core/store/blob_places.h"
#include "core/store/copy_image.h"
#include "registry/registry_places.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

/// A registry that needs a password and does all it can to have it sent elsewhere, over HTTP and over TLS; and the
/// foreign host, which writes down what it hears.
class ForeignHosts : public testing::TestWithParam<FakeTls>, public World {
 protected:
  ForeignHosts()
      : registry(with_password(GetParam())),
        foreign(open_to_all(GetParam())),
        image(registry.add_image("team/app", "1", {{"layer", DiffId{Digest::of("layer")}, kLayer}})) {
    settings.credentials[registry.host()] = {"alice", "wonderland", ""};
    for (const FakeRegistry* one : {&registry, &foreign})
      if (GetParam() == FakeTls::good) settings.tls[one->host()].extra_ca_files = {one->ca_file()};
  }
  static FakeRegistry::Options with_password(FakeTls tls) {
    FakeRegistry::Options options;
    options.auth = FakeRegistry::Auth::basic;
    options.tls = tls;
    return options;
  }
  static FakeRegistry::Options open_to_all(FakeTls tls) {
    FakeRegistry::Options options;
    options.tls = tls;
    return options;
  }
  Reference name(const std::string& rest = ":1") const {
    return Reference::parse(registry.host() + "/team/app" + rest);
  }
  /// Whoever is authorised is sent to the foreign host, to the same path there.
  void redirect(const std::string& method, const std::string& path, int status = 307) {
    registry.add_fault({.method = method, .path = path, .times = -1, .change = [this, status](FakeReply& reply) {
                          if (reply.status == 401) return;
                          reply = {status, {{"Location", foreign.url("/elsewhere")}, {"Set-Cookie", "a=b"}}, ""};
                        }});
  }
  /// Nothing that the foreign host heard holds what was meant for the registry.
  void expect_no_secret() {
    EXPECT_FALSE(foreign.requests().empty()) << "the test proves nothing";
    EXPECT_FALSE(foreign.was_sent_credentials());
    for (const FakeRequest& request : foreign.requests()) {
      EXPECT_EQ(request.target.find("wonderland"), std::string::npos);
      for (const Headers::Field& field : request.headers.fields())
        EXPECT_EQ(field.value.find("YWxpY2U6d29uZGVybGFuZA"), std::string::npos) << field.name;
    }
  }
  template <class Body>
  void try_to(Body body) {
    try {
      body();
    } catch (const Error&) {
      // it may well fail: what counts is what was sent
    }
  }

  FakeRegistry registry, foreign;
  FakeRegistry::Image image;
};

TEST_P(ForeignHosts, V60_RedirectsOfManifestsBlobsTagsAndReferrersTakeNoCredentialAlong) {
  for (const char* path : {"/manifests/", "/blobs/", "/tags/", "/referrers/"}) redirect("GET", path);
  try_to([&] { client.get_manifest(name(), {}); });
  try_to([&] { client.fetch_blob(name(), image.layers[0], store, nullptr, nullptr, {}); });
  try_to([&] { client.list_tags(name(""), 10, nullptr, {}); });
  try_to([&] { client.list_referrers(name(""), image.manifest.digest, nullptr, {}); });
  EXPECT_GE(foreign.requests().size(), 4u);
  expect_no_secret();
}

TEST_P(ForeignHosts, V60_RedirectsOfWhatIsWrittenTakeNoCredentialAlong) {
  for (const char* method : {"HEAD", "POST", "PUT", "DELETE"}) redirect(method, "/v2/");
  Descriptor blob = write_blob(store, "new layer", kLayer);
  try_to([&] { client.push_blob(name(), blob, store, "", nullptr, {}); });
  try_to([&] { client.put_manifest(name(":2"), image.manifest, "{}", nullptr, {}); });
  try_to([&] { client.delete_manifest(name(), nullptr, {}); });
  expect_no_secret();
}

TEST_P(ForeignHosts, V64_AnUploadThatIsSentElsewhereGoesWithoutCredential) {
  std::string authority = foreign.host();
  for (const std::string& location :
       {foreign.url("/upload"), "//" + authority + "/upload", foreign.url("/upload?_state=x")}) {
    foreign.forget_requests();
    registry.clear_faults();
    registry.add_fault({.method = "POST", .times = -1, .change = [&](FakeReply& reply) {
                          if (reply.status == 202) reply.headers.set("Location", location);
                        }});
    Descriptor blob = write_blob(store, "new layer for " + location, kLayer);
    try_to([&] { client.push_blob(name(), blob, store, "", nullptr, {}); });
    SCOPED_TRACE(location);
    expect_no_secret();
  }
}

TEST_P(ForeignHosts, V64_PlacesThatAreNoneAreErrors) {
  for (const char* location : {"", "file:///etc/passwd", "http://", "gopher://127.0.0.1/x", "http://u:p@127.0.0.1/x"}) {
    registry.clear_faults();
    registry.add_fault({.method = "POST", .times = -1, .change = [&](FakeReply& reply) {
                          if (reply.status != 202) return;
                          reply.headers.remove("Location");
                          if (*location) reply.headers.set("Location", location);
                        }});
    Descriptor blob = write_blob(store, std::string("layer for ") + location, kLayer);
    EXPECT_THROW(client.push_blob(name(), blob, store, "", nullptr, {}), Error) << location;
    EXPECT_FALSE(registry.find_blob(blob.digest));
  }
}

TEST_P(ForeignHosts, V62_ATokenServiceElsewhereIsNotToldThePassword) {
  FakeRegistry::Options options = with_password(GetParam());
  options.auth = FakeRegistry::Auth::bearer;
  options.address = "127.0.0.1";
  // Another host by name: localhost is not 127.0.0.1.
  options.realm =
      fmt::format("{}://localhost:{}/token", GetParam() == FakeTls::good ? "https" : "http", foreign.port());
  FakeRegistry bearer(options);
  settings.credentials[bearer.host()] = {"alice", "wonderland", ""};
  std::string elsewhere = fmt::format("localhost:{}", foreign.port());
  if (GetParam() == FakeTls::good) {
    settings.tls[bearer.host()].extra_ca_files = {bearer.ca_file()};
    settings.tls[elsewhere].extra_ca_files = {foreign.ca_file()};
  }
  EXPECT_THROW(client.get_manifest(Reference::parse(bearer.host() + "/team/app:1"), {}), Error);
  expect_no_secret();
}

TEST_P(ForeignHosts, V63_OneRegistrysTokenIsNotShownToAnother) {
  FakeRegistry::Options options = with_password(GetParam());
  options.auth = FakeRegistry::Auth::bearer;
  FakeRegistry bearer(options);
  settings.credentials[bearer.host()] = {"alice", "wonderland", ""};
  if (GetParam() == FakeTls::good) settings.tls[bearer.host()].extra_ca_files = {bearer.ca_file()};
  FakeRegistry::Image theirs = bearer.add_image("team/app", "1", {{"theirs", DiffId{Digest::of("theirs")}, kLayer}});
  RegistryReader from(client, Reference::parse(bearer.host() + "/team/app:1"));
  RegistryWriter to(client, Reference::parse(foreign.host() + "/copy/app:1"));
  copy_image(from, to, {}, nullptr, {});
  EXPECT_TRUE(foreign.find_manifest("copy/app", "1"));
  expect_no_secret();
}

TEST_P(ForeignHosts, V61_UrlsOfLayersAreNotAskedByACopy) {
  std::string config = render(FakeRegistry::default_config());
  Descriptor config_blob = registry.add_blob(config, std::string(media_type::kOciConfig));
  std::string manifest = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[)"
      R"({{"mediaType":"application/vnd.oci.image.layer.nondistributable.v1.tar","digest":"{}","size":5,"urls":["{}"]}}]}})",
      media_type::kOciManifest, media_type::kOciConfig, config_blob.digest.str(), config_blob.size_bytes,
      Digest::of("evil!").str(), foreign.url("/evil"));
  registry.add_manifest("team/app", "urls", manifest, std::string(media_type::kOciManifest));
  RegistryReader from(client, name(":urls"));
  RegistryWriter to(client, Reference::parse(registry.host() + "/copy/app:1"));
  copy_image(from, to, {}, nullptr, {});
  EXPECT_TRUE(foreign.requests().empty());
}

TEST_P(ForeignHosts, V66_RedirectsWithoutEndEnd) {
  registry.add_fault({.method = "GET", .path = "/manifests/", .times = -1, .change = [&](FakeReply& reply) {
                        if (reply.status != 401) reply = {307, {{"Location", "/v2/team/app/again"}}, ""};
                      }});
  registry.add_fault({.path = "/again", .times = -1, .status = 307, .headers = {{"Location", "again"}}});
  error_of(ErrorKind::denied, [&] { client.get_manifest(name(), {}); });
  EXPECT_LE(registry.requests().size(), 13u);
}

TEST(ForeignHostsOverTls, V64_AnUploadIsNotMovedFromTlsToPlainHttp) {
  World world;
  FakeRegistry::Options options;
  options.tls = FakeTls::good;
  FakeRegistry secure(options), plain;
  world.settings.tls[secure.host()].extra_ca_files = {secure.ca_file()};
  secure.add_fault({.method = "POST", .times = -1, .change = [&](FakeReply& reply) {
                      if (reply.status == 202) reply.headers.set("Location", plain.url("/upload"));
                    }});
  Descriptor blob = write_blob(world.store, "layer", kLayer);
  Reference name = Reference::parse(secure.host() + "/team/app:1");
  error_of(ErrorKind::denied, [&] { world.client.push_blob(name, blob, world.store, "", nullptr, {}); });
  EXPECT_TRUE(plain.requests().empty());
}

INSTANTIATE_TEST_SUITE_P(Over, ForeignHosts, testing::Values(FakeTls::none, FakeTls::good),
                         [](const auto& tls) { return tls.param == FakeTls::good ? "Tls" : "Http"; });

}  // namespace
}  // namespace imgb
