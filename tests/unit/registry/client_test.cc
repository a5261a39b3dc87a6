#include "registry/client.h"

#include "registry/pull.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

class Client : public testing::Test, public World {
 protected:
  Client() : World(impatient()) {}
  Reference app(const std::string& rest = ":1") const { return Reference::parse(registry.host() + "/team/app" + rest); }
  FakeRegistry registry;
  FakeRegistry::Image image = registry.add_image("team/app", "1", {{some_bytes(1000), {Digest::of("layer")}, kLayer}});
};

TEST_F(Client, AManifestIsFoundByTagAndByDigest) {
  FetchedManifest by_tag = client.get_manifest(app(), {});
  EXPECT_EQ(by_tag.descriptor, image.manifest);
  EXPECT_EQ(Digest::of(by_tag.bytes), image.manifest.digest);
  EXPECT_EQ(client.get_manifest(app("@" + image.manifest.digest.str()), {}).bytes, by_tag.bytes);
  std::string accept = registry.requests().front().header("Accept");
  for (std::string_view type :
       {media_type::kOciIndex, media_type::kOciManifest, media_type::kDockerIndex, media_type::kDockerManifest}) {
    EXPECT_NE(accept.find(type), std::string::npos) << type;
  }
}

TEST_F(Client, NoTagMeansLatest) {
  error_of(ErrorKind::not_found, [&] { client.get_manifest(app(""), {}); });
  EXPECT_EQ(registry.count("GET", "/v2/team/app/manifests/latest"), 1u);
}

TEST_F(Client, APulledImageHasItsManifestAndConfigInTheStore) {
  PulledImage pulled = pull_metadata(client, app(), Platform::parse("linux/amd64"), store, false, nullptr, {});
  EXPECT_EQ(pulled.manifest, image.manifest);
  EXPECT_EQ(pulled.config.diff_ids, std::vector<DiffId>{{Digest::of("layer")}});
  EXPECT_EQ(store.list().size(), 2u);
  EXPECT_EQ(registry.count("GET", "/blobs/"), 1u);
}

TEST_F(Client, AnIndexIsFollowedToThePlatform) {
  Descriptor arm = registry.add_manifest("team/app", "",
                                         R"({"schemaVersion":2,"config":{"mediaType":"x","digest":")" +
                                             Digest::of("").str() + R"(","size":0},"layers":[]})",
                                         std::string(media_type::kOciManifest));
  arm.platform = Platform::parse("linux/arm64");
  image.manifest.platform = Platform::parse("linux/amd64");
  Index index{std::string(media_type::kOciIndex), "", {arm, image.manifest}, {}, {}};
  Descriptor named = registry.add_manifest("team/app", "multi", render(index), index.media_type);
  PulledImage pulled = pull_metadata(client, app(":multi"), Platform::parse("linux/amd64"), store, false, nullptr, {});
  EXPECT_EQ(pulled.named, named);
  EXPECT_EQ(pulled.manifest.digest, image.manifest.digest);
  std::string text = error_of(ErrorKind::not_found, [&] {
    pull_metadata(client, app(":multi"), Platform::parse("linux/riscv64"), store, false, nullptr, {});
  });
  EXPECT_NE(text.find("linux/arm64"), std::string::npos) << text;
  EXPECT_EQ(registry.count("GET", arm.digest.hex()), 0u);
}

TEST_F(Client, WhatTheStoreHasOfAnImageIsNotFetchedAgain) {
  pull_metadata(client, app(), Platform::parse("linux/amd64"), store, false, nullptr, {});
  registry.forget_requests();
  pull_metadata(client, app(), Platform::parse("linux/amd64"), store, false, nullptr, {});
  ASSERT_EQ(registry.requests().size(), 1u);
  EXPECT_EQ(registry.requests().front().path(), "/v2/team/app/manifests/1");
}

class PulledBefore : public Client {
 protected:
  PulledBefore() {
    pull(app());
    registry.forget_requests();
  }
  PulledImage pull(const Reference& name) {
    return pull_metadata(client, name, Platform::parse("linux/amd64"), store, true, nullptr, {});
  }
};

TEST_F(PulledBefore, ATagThatStillMeansTheSameCostsOneHead) {
  EXPECT_EQ(pull(app()).manifest, image.manifest);
  EXPECT_EQ(registry.count("HEAD", "/manifests/1"), 1u);
  EXPECT_EQ(registry.requests().size(), 1u);
}

TEST_F(PulledBefore, ATagThatMovedIsFetched) {
  auto newer = registry.add_image("team/app", "1", {{some_bytes(2000), {Digest::of("newer")}, kLayer}});
  EXPECT_EQ(pull(app()).manifest, newer.manifest);
  EXPECT_EQ(registry.count("GET", "/manifests/1"), 1u);
}

TEST_F(PulledBefore, ADigestIsNotAskedForAtAll) {
  EXPECT_EQ(pull(app("@" + image.manifest.digest.str())).manifest, image.manifest);
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(PulledBefore, ARegistryThatKnowsNoHeadIsAskedByGet) {
  for (const FakeFault& fault :
       {FakeFault{.method = "HEAD", .status = 405}, FakeFault{.method = "HEAD", .status = 503},
        FakeFault{.method = "HEAD", .raw = "no HTTP"},
        FakeFault{.method = "HEAD", .change = [](FakeReply& r) { r.headers.remove("Docker-Content-Digest"); }}}) {
    registry.forget_requests();
    registry.add_fault(fault);
    EXPECT_EQ(pull(app()).manifest, image.manifest);
    EXPECT_EQ(registry.count("HEAD", ""), 1u);
    EXPECT_EQ(registry.count("GET", "/manifests/1"), 1u);
  }
}

TEST_F(PulledBefore, V71_AHeadThatNamesWhatIsNoManifestIsNotBelieved) {
  auto layer = write_blob(store, some_bytes(1000), kLayer);
  registry.add_fault(
      {.method = "HEAD", .headers = {{"Docker-Content-Digest", layer.digest.str()}, {"Content-Length", "1000"}}});
  EXPECT_EQ(pull(app()).manifest, image.manifest);
  EXPECT_EQ(registry.count("GET", "/manifests/1"), 1u);
}

TEST_F(Client, V54_ADigestThatIsAPathIsRefused) {
  for (const char* digest : {"sha256:../../../../tmp/pwn", "sha256:ABCDEF", "sha256+x:00", "sha256:"}) {
    registry.add_manifest(
        "team/app", "evil",
        fmt::format(
            R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":2}},"layers":[]}})",
            media_type::kOciManifest, media_type::kOciConfig, digest),
        std::string(media_type::kOciManifest));
    error_of(ErrorKind::corrupt, [&] { client.get_manifest(app(":evil"), {}); });
  }
}

TEST_F(Client, V55_APinnedManifestMustMatchItsDigest) {
  registry.add_fault({.path = "/manifests/", .times = -1, .change = [](FakeReply& reply) { reply.body += " "; }});
  std::string text =
      error_of(ErrorKind::corrupt, [&] { client.get_manifest(app("@" + image.manifest.digest.str()), {}); });
  EXPECT_NE(text.find("want " + image.manifest.digest.str()), std::string::npos) << text;
  EXPECT_EQ(registry.requests().size(), 3u);
  EXPECT_TRUE(store.list().empty());
}

TEST_F(Client, V55_AManifestThatIsRightOnTheSecondTryIsTaken) {
  registry.add_fault({.path = "/manifests/", .change = [](FakeReply& reply) { reply.body += " "; }});
  EXPECT_EQ(client.get_manifest(app("@" + image.manifest.digest.str()), {}).descriptor, image.manifest);
}

TEST_F(Client, V57_DocumentsThatCouldBeTwoThingsAreRefused) {
  std::string digest = Digest::of("").str();
  std::string config = R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + digest +
                       R"(","size":0},"layers":[])";
  struct {
    std::string type, body;
  } cases[] = {
      {std::string(media_type::kOciManifest), R"({"schemaVersion":2,"manifests":[],)" + config + "}"},
      {std::string(media_type::kOciIndex),
       R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)" + config + "}"},
      {std::string(media_type::kOciManifest), R"({"schemaVersion":2,"fsLayers":[],)" + config + "}"},
      {std::string(media_type::kOciManifest), R"({"schemaVersion":2,"schemaVersion":2,)" + config + "}"},
  };
  for (auto& c : cases) {
    registry.add_manifest("team/app", "two", c.body, c.type);
    error_of(ErrorKind::corrupt, [&] { client.get_manifest(app(":two"), {}); });
  }
}

TEST_F(Client, AWebPageInPlaceOfARegistryIsCalledOne) {
  registry.add_fault({.times = -1, .status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>Log in"});
  std::string text = error_of(ErrorKind::unavailable, [&] { client.get_manifest(app(), {}); });
  EXPECT_NE(text.find("web page"), std::string::npos) << text;
  EXPECT_EQ(registry.requests().size(), 1u);
}

TEST_F(Client, AManifestOfSchema1IsFetchedOnceAndSaysWhatToDo) {
  const std::string type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
  registry.add_manifest("team/app", "old", R"({"schemaVersion":1,"name":"x","fsLayers":[],"signatures":[]})", type);
  std::string text = error_of(ErrorKind::unsupported, [&] { client.get_manifest(app(":old"), {}); });
  EXPECT_NE(text.find("push it again"), std::string::npos) << text;
  EXPECT_EQ(registry.requests().size(), 1u);
}

TEST_F(Client, V58_ManifestsAreCappedInSizeAndDepth) {
  registry.add_manifest("team/app", "long", std::string(kMaxManifestBytes + 1, ' '),
                        std::string(media_type::kOciManifest));
  error_of(ErrorKind::corrupt, [&] { client.get_manifest(app(":long"), {}); });
  registry.add_fault({.path = "/manifests/1", .times = -1, .endless_after = 0});
  error_of(ErrorKind::corrupt, [&] { client.get_manifest(app(":1"), {}); });
  registry.add_manifest("team/app", "deep", std::string(1'000'000, '['), std::string(media_type::kOciManifest));
  error_of(ErrorKind::corrupt, [&] { client.get_manifest(app(":deep"), {}); });
}

TEST_F(Client, V59_IndexesMayNotNestWithoutEnd) {
  Descriptor level = image.manifest;
  level.platform = Platform::parse("linux/amd64");
  for (int depth = 0; depth < 5; ++depth) {
    Index index{std::string(media_type::kOciIndex), "", {level}, {}, {}};
    level = registry.add_manifest("team/app", "nested", render(index), index.media_type);
    level.platform = Platform::parse("linux/amd64");
  }
  error_of(ErrorKind::unsupported,
           [&] { pull_metadata(client, app(":nested"), Platform::parse("linux/amd64"), store, false, nullptr, {}); });
}

TEST_F(Client, V59_WhatIsNoImageIsRefused) {
  Manifest chart{std::string(media_type::kOciManifest),
                 "",
                 registry.add_blob("{}", "application/vnd.cncf.helm.config.v1+json"),
                 {},
                 {},
                 {}};
  registry.add_manifest("team/app", "chart", render(chart), chart.media_type);
  std::string text = error_of(ErrorKind::unsupported, [&] {
    pull_metadata(client, app(":chart"), Platform::parse("linux/amd64"), store, false, nullptr, {});
  });
  EXPECT_NE(text.find("helm"), std::string::npos) << text;
}

TEST_F(Client, V61_UrlsInForeignLayersAreNeverAsked) {
  FakeRegistry evil;
  std::string missing = Digest::of("foreign").str();
  std::string body = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"{}","size":7,"urls":["{}"]}}]}})",
      media_type::kOciManifest, media_type::kOciConfig, image.config.digest.str(), image.config.size_bytes, missing,
      evil.url("/layer"));
  registry.add_manifest("team/app", "foreign", body, std::string(media_type::kOciManifest));
  FetchedManifest got = client.get_manifest(app(":foreign"), {});
  const Manifest& manifest = std::get<Manifest>(got.content);
  error_of(ErrorKind::not_found, [&] { client.fetch_blob(app(), manifest.layers.at(0), store, nullptr, nullptr, {}); });
  EXPECT_TRUE(evil.requests().empty());
}

TEST_F(Client, V71_ADigestHeaderThatLiesChangesNothing) {
  std::string lie = Digest::of("something else").str();
  registry.add_fault({.path = "/manifests/", .times = -1, .headers = {{"Docker-Content-Digest", lie}}});
  EXPECT_EQ(client.get_manifest(app(), {}).descriptor.digest, image.manifest.digest);
  EXPECT_EQ(client.find_manifest(app(), {})->digest.str(), lie);  // a hint, and said to be one
}

TEST_F(Client, HeadTellsWhatANameMeansWithoutItsBytes) {
  auto found = client.find_manifest(app(), {});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->digest, image.manifest.digest);
  EXPECT_EQ(found->size_bytes, image.manifest.size_bytes);
  EXPECT_EQ(client.find_manifest(app(":nope"), {}), std::nullopt);
  EXPECT_EQ(registry.count("GET", ""), 0u);
}

TEST_F(Client, ServersThatCallEverythingOctetStreamAreUnderstood) {
  registry.add_fault({.path = "/manifests/", .headers = {{"Content-Type", "application/octet-stream"}}});
  EXPECT_EQ(client.get_manifest(app(), {}).descriptor.media_type, media_type::kOciManifest);
}

TEST_F(Client, F7_ACutManifestIsFetchedAgain) {
  for (std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1}, image.manifest.size_bytes - 1}) {
    registry.add_fault({.path = "/manifests/", .cut_at = at});
    EXPECT_EQ(client.get_manifest(app(), {}).descriptor, image.manifest);
  }
}

class Mirrors : public Client {
 protected:
  Reference name = Reference::parse("example.invalid/team/app:1");
  void configure(std::initializer_list<std::string> mirrors, const std::string& location) {
    std::string text = "[[registry]]\nprefix = \"example.invalid\"\nlocation = \"" + location + "\"\n";
    for (auto& mirror : mirrors) text += "[[registry.mirror]]\nlocation = \"" + mirror + "\"\n";
    settings.conf.add(text, "test.conf");
  }
};

TEST_F(Mirrors, TheFirstThatHasTheImageServesIt) {
  FakeRegistry empty, origin;
  configure({empty.host(), registry.host()}, origin.host());
  EXPECT_EQ(client.get_manifest(name, {}).descriptor, image.manifest);
  EXPECT_EQ(empty.requests().size(), 1u);
  EXPECT_TRUE(origin.requests().empty());
}

TEST_F(Mirrors, TheRegistryItselfIsAskedLast) {
  FakeRegistry empty;
  configure({empty.host()}, registry.host());
  EXPECT_EQ(client.get_manifest(name, {}).descriptor, image.manifest);
  client.fetch_blob(name, image.layers.at(0), store, nullptr, nullptr, {});
  EXPECT_EQ(empty.requests().size(), 2u);
}

TEST_F(Mirrors, OneErrorSaysAllThatWasTried) {
  FakeRegistry empty, broken;
  broken.add_fault({.times = -1, .status = 500});
  configure({empty.host(), broken.host()}, empty.host());
  std::string text = error_of(ErrorKind::not_found, [&] { client.get_manifest(name, {}); });
  EXPECT_NE(text.find("mirror " + empty.host()), std::string::npos) << text;
  EXPECT_NE(text.find("mirror " + broken.host()), std::string::npos) << text;
  EXPECT_NE(text.find("500"), std::string::npos) << text;
}

TEST_F(Mirrors, ADeadMirrorIsTriedOnceAndThenPassedOver) {
  std::string dead;
  { dead = FakeRegistry().host(); }
  configure({dead}, registry.host());
  client.get_manifest(name, {});
  EXPECT_EQ(waits.size(), 1u);
  client.fetch_blob(name, image.layers.at(0), store, nullptr, nullptr, {});
  EXPECT_EQ(waits.size(), 1u);
}

TEST_F(Mirrors, V55_AMirrorWithWrongBytesIsReplacedByTheRegistry) {
  FakeRegistry liar;
  liar.add_blob(some_bytes(1000), kLayer);
  liar.add_fault({.path = "/blobs/", .times = -1, .change = [](FakeReply& reply) { reply.body[7] ^= 1; }});
  configure({liar.host()}, registry.host());
  RecordingTap tap;
  client.fetch_blob(name, image.layers.at(0), store, &tap, nullptr, {});
  EXPECT_TRUE(tap.text == some_bytes(1000));
}

TEST_F(Mirrors, ABlobCutAtAMirrorGoesOnAtTheRegistry) {
  FakeRegistry cutting;
  cutting.add_blob(some_bytes(1000), kLayer);
  cutting.add_fault({.path = "/blobs/", .cut_at = 400});
  cutting.add_fault({.path = "/blobs/", .times = -1, .status = 404});
  configure({cutting.host()}, registry.host());
  RecordingTap tap;
  client.fetch_blob(name, image.layers.at(0), store, &tap, nullptr, {});
  EXPECT_TRUE(tap.text == some_bytes(1000));
  EXPECT_EQ(tap.restarts, 0);
  EXPECT_EQ(registry.requests().back().header("Range"), "bytes=400-");
}

TEST_F(Mirrors, ABlockedRegistryIsNotAsked) {
  settings.conf.add("[[registry]]\nlocation = \"" + registry.host() + "\"\nblocked = true\n", "test.conf");
  error_of(ErrorKind::denied, [&] { client.get_manifest(app(), {}); });
  EXPECT_TRUE(registry.requests().empty());
}

TEST_F(Client, F10_ANameThatDoesNotResolveSaysWhatToDo) {
  std::string text =
      error_of(ErrorKind::unavailable, [&] { client.get_manifest(Reference::parse("nowhere.invalid/x:1"), {}); });
  EXPECT_NE(text.find("nowhere.invalid"), std::string::npos) << text;
  EXPECT_NE(text.find("--pull=never"), std::string::npos) << text;
  EXPECT_EQ(waits.size(), 2u);
}

TEST_F(Client, F10_APortWhereNobodyListensSaysSo) {
  std::string dead;
  { dead = FakeRegistry().host(); }
  std::string text =
      error_of(ErrorKind::unavailable, [&] { client.get_manifest(Reference::parse(dead + "/x:1"), {}); });
  EXPECT_NE(text.find(dead), std::string::npos) << text;
}

}  // namespace
}  // namespace imgb
