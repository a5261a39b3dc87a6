#include "registry/server_store/pull_through.h"

#include "tests/support/fake_registry.h"
#include "tests/unit/registry/world.h"
#include "tests/unit/registry_server/world.h"

namespace imgb::server {
namespace {

/// A mirror that fills itself from `upstream`.
struct Mirror {
  explicit Mirror(std::set<std::string> registries, std::chrono::seconds tag_lifetime = std::chrono::seconds(0))
      : through(*catalog, world.client, {std::move(registries), tag_lifetime}) {
    service.set_upstream(through);
  }
  TempDir temp;
  std::unique_ptr<StoreCatalog> catalog =
      StoreCatalog::open(temp.path() / "store", "own", StoreCatalog::Takes::nothing);
  World world;
  PullThrough through;
  Service service{*catalog};

  Reply ask(std::string method, std::string target, Headers headers = {}) {
    return imgb::server::ask(service, std::move(method), std::move(target), std::move(headers));
  }
  /// All of a blob, as it comes.
  std::string blob(const std::string& target) {
    Reply reply = ask("GET", target);
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(outcome_of(reply), Flight::State::good);
    return bytes_of(reply);
  }
};

struct Upper {
  FakeRegistry registry;
  std::string bytes = some_bytes(300'000);
  FakeRegistry::Image image = registry.add_image("team/app", "1", {{bytes, DiffId{Digest::of("x")}}});
  std::string ns = "?ns=" + registry.host();
  std::string manifest = "/v2/team/app/manifests/1" + ns;
  std::string layer = "/v2/team/app/blobs/" + image.layers[0].digest.str() + ns;
};

TEST(PullThrough, WhatIsAskedForComesAndStays) {
  Upper upper;
  Mirror mirror({upper.registry.host()});
  Reply reply = mirror.ask("GET", upper.manifest);
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(Digest::of(reply.body), upper.image.manifest.digest);
  EXPECT_EQ(mirror.blob(upper.layer), upper.bytes);
  upper.registry.forget_requests();
  EXPECT_EQ(mirror.blob(upper.layer), upper.bytes);
  EXPECT_EQ(upper.registry.requests().size(), 0U) << "it is here now";
  EXPECT_TRUE(mirror.catalog->store()->images().find(Reference::parse(upper.registry.host() + "/team/app:1")));
}

TEST(PullThrough, WithoutItsRegistryWhatIsHereIsServed) {
  auto upper = std::make_unique<Upper>();
  Mirror mirror({upper->registry.host()});
  std::string manifest = upper->manifest, layer = upper->layer, ns = upper->ns;
  EXPECT_EQ(mirror.ask("GET", manifest).status, 200);
  EXPECT_EQ(mirror.blob(layer).size(), 300'000U);
  upper.reset();
  EXPECT_EQ(mirror.ask("GET", manifest).status, 200);
  EXPECT_EQ(mirror.blob(layer).size(), 300'000U);
  EXPECT_EQ(mirror.ask("GET", "/v2/team/app/manifests/2" + ns).status, 503) << "and what is not, is not unknown";
}

TEST(PullThrough, V102NobodyElseIsAsked) {
  Upper upper;
  Mirror mirror({"docker.example"});
  for (const std::string& target :
       {upper.manifest, upper.layer, std::string("/v2/a/b/manifests/1?ns=169.254.169.254"),
        std::string("/v2/evil.host/x/manifests/1"), "/v2/a/blobs/" + Digest::of("x").str() + "?ns=127.0.0.1:1"})
    EXPECT_EQ(mirror.ask("GET", target).status, 404) << target;
  EXPECT_EQ(upper.registry.requests().size(), 0U);
}

TEST(PullThrough, V103RegistriesWithTheSameNamesDoNotMix) {
  Upper one, two;
  two.image = two.registry.add_image("team/app", "1", {{"other bytes", DiffId{Digest::of("y")}}});
  Mirror mirror({one.registry.host(), two.registry.host()});
  EXPECT_EQ(Digest::of(mirror.ask("GET", one.manifest).body), one.image.manifest.digest);
  EXPECT_EQ(Digest::of(mirror.ask("GET", two.manifest).body), two.image.manifest.digest);
  EXPECT_EQ(mirror.ask("GET", "/v2/team/app/manifests/" + two.image.manifest.digest.str() + one.ns).status, 404);
}

TEST(PullThrough, V103ATagThatMovesIsFollowedWhenItsTimeIsOver) {
  Upper upper;
  Mirror mirror({upper.registry.host()}), patient({upper.registry.host()}, std::chrono::seconds(1000));
  EXPECT_EQ(Digest::of(mirror.ask("GET", upper.manifest).body), upper.image.manifest.digest);
  EXPECT_EQ(Digest::of(patient.ask("GET", upper.manifest).body), upper.image.manifest.digest);
  auto newer = upper.registry.add_image("team/app", "1", {{"newer", DiffId{Digest::of("n")}}});
  EXPECT_EQ(Digest::of(mirror.ask("GET", upper.manifest).body), newer.manifest.digest);
  EXPECT_EQ(Digest::of(patient.ask("GET", upper.manifest).body), upper.image.manifest.digest);
}

TEST(PullThrough, ManyWhoWantOneBlobShareOneDownload) {
  Upper upper;
  Mirror mirror({upper.registry.host()});
  EXPECT_EQ(mirror.ask("GET", upper.manifest).status, 200);
  upper.registry.forget_requests();
  std::vector<std::jthread> clients;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) clients.emplace_back([&] { right += mirror.blob(upper.layer) == upper.bytes; });
  clients.clear();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(upper.registry.count("GET", "/blobs/"), 1U);
}

TEST(PullThrough, BlobsOfNoImageThatCameThroughAreNotAskedFor) {
  Upper upper;
  Mirror mirror({upper.registry.host()});
  EXPECT_EQ(mirror.ask("GET", upper.layer).status, 404);
  EXPECT_EQ(upper.registry.requests().size(), 0U);
}

TEST(PullThrough, WrongBytesAreNeverKept) {
  Upper upper;
  upper.registry.add_fault({.path = "/blobs/" + upper.image.layers[0].digest.str(),
                            .times = -1,
                            .change = [](FakeReply& reply) { reply.body[0] = static_cast<char>(~reply.body[0]); }});
  Mirror mirror({upper.registry.host()});
  EXPECT_EQ(mirror.ask("GET", upper.manifest).status, 200);
  Reply reply = mirror.ask("GET", upper.layer);
  EXPECT_TRUE(reply.status != 200 || outcome_of(reply) != Flight::State::good);
  EXPECT_FALSE(mirror.catalog->store()->blobs().peek_size(upper.image.layers[0].digest));
}

TEST(PullThrough, ItIsReadOnlyForClients) {
  Upper upper;
  Mirror mirror({upper.registry.host()});
  EXPECT_EQ(mirror.ask("PUT", upper.manifest).status, 405);
  EXPECT_EQ(mirror.ask("DELETE", upper.manifest).status, 405);
}

TEST(PullThrough, RegistriesAreNamedAsImagesNameThem) {
  EXPECT_EQ(parse_registries({"docker.io,quay.io", "r.example:5000"}),
            (std::set<std::string>{"docker.io", "quay.io", "r.example:5000"}));
  for (const char* bad : {"", "docker.io/library", "https://quay.io", "a b", "quay.io,,x", "x"})
    EXPECT_THROW(parse_registries({bad}), Error) << bad;
}

}  // namespace
}  // namespace imgb::server
