#include "core/store/blob_places.h"
#include "core/store/copy_image.h"
#include "registry/registry_places.h"

#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

class Push : public testing::Test, public World {
 protected:
  Descriptor put(const std::string& bytes, std::string_view type) {
    return write_blob(store, bytes, std::string(type));
  }
  Descriptor put_image(const std::string& layer) {
    Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                      .config = put(render(FakeRegistry::default_config()), media_type::kOciConfig),
                      .layers = {put(layer, media_type::kOciLayerGzip)}};
    return put(render(manifest), media_type::kOciManifest);
  }
  CopyResult push(const Descriptor& image, const std::string& to = "team/app:1", const std::string& mount_from = "") {
    return push_to(registry, image, to, mount_from);
  }
  CopyResult push_to(const FakeRegistry& there, const Descriptor& image, const std::string& to,
                     const std::string& mount_from = "") {
    StoreReader from(store, "the image", image);
    Reference name = Reference::parse(there.host() + "/" + to);
    RegistryWriter into(client, name, [&](const Digest&) { return mount_from; });
    return copy_image(from, into, {}, nullptr, {});
  }
  /// What the registry was asked to do, in order: "PUT /v2/team/app/manifests/1".
  std::vector<std::string> changes() const {
    std::vector<std::string> out;
    for (const FakeRequest& request : registry.requests())
      if (request.method != "HEAD" && request.method != "GET") out.push_back(request.method + " " + request.path());
    return out;
  }

  FakeRegistry registry;
};

TEST_F(Push, SendsBlobsThenTheManifestAsItIsStored) {
  Descriptor image = put_image("layer");
  CopyResult result = push(image);
  EXPECT_EQ(result.moved, 2u);
  auto there = registry.find_manifest("team/app", "1");
  ASSERT_TRUE(there);
  EXPECT_EQ(Digest::of(there->body), image.digest);
  EXPECT_EQ(there->headers.find("Content-Type"), image.media_type);
  EXPECT_EQ(registry.find_blob(Digest::of("layer")), "layer");
  EXPECT_EQ(changes().back(), "PUT /v2/team/app/manifests/1");
}

TEST_F(Push, WhatIsThereIsNotSent) {
  Descriptor image = put_image("layer");
  push(image);
  registry.forget_requests();
  EXPECT_EQ(push(image).moved, 0u);
  EXPECT_EQ(registry.requests().size(), 1u) << "the name means it already";
  CopyResult other = push(image, "team/app:2");
  EXPECT_EQ(other.present, 2u);
  EXPECT_EQ(changes(), std::vector<std::string>{"PUT /v2/team/app/manifests/2"});
}

TEST_F(Push, AnIndexGoesAfterItsImages) {
  Descriptor one = put_image("one"), two = put_image("two");
  one.platform = Platform::parse("linux/amd64");
  two.platform = Platform::parse("linux/arm64");
  Index index{.media_type = std::string(media_type::kOciIndex), .manifests = {one, two}};
  push(put(render(index), media_type::kOciIndex));
  std::vector<std::string> all = changes();
  ASSERT_GE(all.size(), 3u);
  EXPECT_EQ(all[all.size() - 3], "PUT /v2/team/app/manifests/" + one.digest.str());
  EXPECT_EQ(all[all.size() - 2], "PUT /v2/team/app/manifests/" + two.digest.str());
  EXPECT_EQ(all.back(), "PUT /v2/team/app/manifests/1");
}

TEST_F(Push, WhatTheStoreLacksIsNamedBeforeAnythingIsSent) {
  Descriptor image = put_image("layer");
  store.remove(Digest::of("layer"));
  std::string text = error_of(ErrorKind::not_found, [&] { push(image); });
  EXPECT_NE(text.find(Digest::of("layer").str()), std::string::npos) << text;
  EXPECT_TRUE(changes().empty());
}

TEST_F(Push, ADamagedBlobNeverArrives) {
  std::string bytes = some_bytes(100'000);
  Descriptor image = put_image(bytes);
  Digest digest = Digest::of(bytes);
  store.blobs.with([&](auto& blobs) { blobs.at(digest)[5] ^= 1; });
  error_of(ErrorKind::corrupt, [&] { push(image); });
  EXPECT_FALSE(registry.find_blob(digest));
  EXPECT_FALSE(registry.find_manifest("team/app", "1"));
}

TEST_F(Push, ABlobOfAnotherRepositoryIsMounted) {
  Descriptor image = put_image("layer");
  push(image, "team/base:1");
  registry.add_fault({.method = "HEAD", .path = "/blobs/", .times = -1, .status = 404});
  EXPECT_EQ(push(image, "team/app:1", "team/base").mounted, 2u);
  EXPECT_EQ(registry.count("POST", "from=team%2Fbase"), 2u);
  EXPECT_EQ(registry.count("PUT", "/team/app/blobs/"), 0u);
}

TEST_F(Push, ARefusedMountIsAnUpload) {
  registry.add_fault({.method = "POST", .path = "mount=", .times = -1, .status = 405});
  EXPECT_EQ(push(put_image("layer"), "team/app:1", "team/base").moved, 2u);
}

TEST_F(Push, F7_ABrokenUploadGoesOnWhereItStopped) {
  std::string bytes = some_bytes(17'000'000);
  Descriptor image = put_image(bytes);
  registry.add_fault({.method = "PATCH", .takes = 12'345'678});
  push(image);
  EXPECT_EQ(registry.find_blob(Digest::of(bytes)), bytes);
  std::vector<std::string> ranges;
  for (const FakeRequest& request : registry.requests())
    if (request.method == "PATCH") ranges.push_back(request.header("Content-Range"));
  EXPECT_EQ(ranges, (std::vector<std::string>{"0-16999999", "12345678-16999999"}));
}

TEST_F(Push, F7_AnUploadThatTheRegistryForgotBeginsAnew) {
  std::string bytes = some_bytes(17'000'000);
  Descriptor image = put_image(bytes);
  registry.add_fault({.method = "PATCH", .takes = 1'000'000});
  registry.add_fault({.method = "GET", .path = "/blobs/uploads/", .status = 404});
  push(image);
  EXPECT_EQ(registry.find_blob(Digest::of(bytes)), bytes);
}

TEST_F(Push, ALostAnswerIsNoSecondUpload) {
  registry.add_fault({.method = "PUT", .path = "/blobs/uploads/", .takes = 1000});
  EXPECT_EQ(push(put_image("layer")).moved, 1u) << "the other one was there when it was looked for again";
  EXPECT_TRUE(registry.find_manifest("team/app", "1"));
}

TEST_F(Push, AProxyThatRefusesLargeBodiesGetsParts) {
  std::string bytes = some_bytes(17'000'000);
  Descriptor image = put_image(bytes);
  registry.add_fault({.method = "PATCH", .times = 2, .status = 413});
  push(image);
  EXPECT_EQ(registry.find_blob(Digest::of(bytes)), bytes);
  EXPECT_EQ(registry.count("PATCH", ""), 5u) << "two refused, three of 8 MiB at most";
}

TEST_F(Push, F9_ABusyRegistryIsAskedAgain) {
  registry.add_fault({.method = "POST", .status = 429, .headers = {{"Retry-After", "7"}}});
  registry.add_fault({.method = "PUT", .path = "/manifests/", .status = 503});
  push(put_image("layer"));
  EXPECT_EQ(waits.size(), 2u);
  EXPECT_EQ(waits[0], std::chrono::seconds(7));
}

TEST_F(Push, RefusalsSayWhatToDo) {
  registry.add_fault({.method = "POST", .times = -1, .status = 403});
  std::string text = error_of(ErrorKind::denied, [&] { push(put_image("layer")); });
  EXPECT_NE(text.find("imgb login " + registry.host()), std::string::npos) << text;
  EXPECT_FALSE(registry.find_manifest("team/app", "1"));
}

TEST_F(Push, V60_AnotherServerThatTakesTheUploadSeesNoCredential) {
  FakeRegistry storage;
  FakeRegistry::Options options;
  options.auth = FakeRegistry::Auth::basic;
  FakeRegistry guarded(options);
  settings.credentials[guarded.host()] = {"alice", "wonderland", ""};
  guarded.add_fault({.method = "POST", .times = -1, .change = [&](FakeReply& reply) {
                       if (reply.status == 202) reply.headers.set("Location", storage.url("/v2/x/blobs/uploads/1"));
                     }});
  Descriptor image = put_image("layer");
  EXPECT_THROW(push_to(guarded, image, "team/app:1"), Error) << "the storage knows of no such upload";
  EXPECT_GT(storage.count("PUT", "/v2/x/blobs/uploads/1"), 0u);
  EXPECT_FALSE(storage.was_sent_credentials());
}

TEST_F(Push, V63_OneTokenForBothRepositories) {
  FakeRegistry::Options options;
  options.auth = FakeRegistry::Auth::bearer;
  options.anonymous_tokens = true;
  FakeRegistry guarded(options);
  Descriptor image = put_image("layer");
  push_to(guarded, image, "team/app:1", "team/base");
  EXPECT_GT(guarded.count("GET", "scope=repository%3Ateam%2Fapp%3Apull%2Cpush&scope=repository%3Ateam%2Fbase%3Apull"),
            0u);
  EXPECT_TRUE(guarded.find_manifest("team/app", "1"));
}

TEST_F(Push, ARedirectThatMeansAnotherRequestIsNotFollowedWithABody) {
  registry.add_fault({.method = "PUT", .times = -1, .status = 302, .headers = {{"Location", registry.url("/x")}}});
  std::string text = error_of(ErrorKind::denied, [&] { push(put_image("layer")); });
  EXPECT_NE(text.find("redirect 302"), std::string::npos) << text;
}

}  // namespace
}  // namespace imgb
