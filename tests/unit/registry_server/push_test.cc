#include "core/store/local_image.h"
#include "registry/server_store/store_catalog.h"
#include "tests/unit/registry_server/world.h"

namespace imgb::server {
namespace {

const std::string kHello = "hello, blob";
const std::string kDigest = Digest::of(kHello).str();

/// A registry that takes what is pushed.
struct Writable {
  TempDir temp;
  std::unique_ptr<StoreCatalog> catalog = StoreCatalog::open(temp.path() / "store", "own");
  Service service{*catalog};
  Store store = Store::open(temp.path() / "store");

  Reply ask(std::string method, std::string target, Headers headers = {}, std::string_view body = {}) {
    return imgb::server::ask(service, std::move(method), std::move(target), std::move(headers), body);
  }
  std::string begin(const std::string& repository = "foo/bar") {
    Reply reply = ask("POST", "/v2/" + repository + "/blobs/uploads/");
    EXPECT_EQ(reply.status, 202);
    return header(reply, "Location");
  }
  Descriptor push_blob(const std::string& content, std::string type) {
    Descriptor blob{.media_type = std::move(type), .digest = Digest::of(content), .size_bytes = content.size()};
    EXPECT_EQ(ask("POST", "/v2/foo/bar/blobs/uploads/?digest=" + blob.digest.str(), {}, content).status, 201);
    return blob;
  }
  std::string image(const std::string& layer, std::optional<Descriptor> subject = {}) {
    ImageConfig config{.platform = {"linux", "amd64", "", ""}, .author = layer};
    config.diff_ids.push_back({Digest::of(layer)});
    return render(Manifest{.media_type = std::string(media_type::kOciManifest),
                           .config = push_blob(render(config), std::string(media_type::kOciConfig)),
                           .layers = {push_blob(layer, std::string(media_type::kOciLayer))},
                           .subject = subject});
  }
  Reply put(const std::string& which, const std::string& manifest, std::string repository = "foo/bar",
            std::string type = std::string(media_type::kOciManifest)) {
    return ask("PUT", "/v2/" + repository + "/manifests/" + which, {{"Content-Type", type}}, manifest);
  }
  std::vector<std::string> ingest() {
    std::vector<std::string> names;
    for (const Dir::Entry& entry : store.folder("ingest").list()) names.push_back(entry.name);
    return names;
  }
};

std::string with_digest(const std::string& location, const std::string& digest) {
  return location + "?digest=" + digest;
}

TEST(Push, ABlobComesInOneRequest) {
  Writable w;
  Reply reply = w.ask("POST", "/v2/foo/bar/blobs/uploads/?digest=" + kDigest, {}, kHello);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(header(reply, "Location"), "/v2/foo/bar/blobs/" + kDigest);
  EXPECT_EQ(header(reply, "Docker-Content-Digest"), kDigest);
  EXPECT_EQ(bytes_of(w.ask("GET", "/v2/foo/bar/blobs/" + kDigest)), kHello);
}

TEST(Push, ABlobComesByPostThenPut) {
  Writable w;
  Reply reply = w.ask("PUT", with_digest(w.begin(), kDigest), {}, kHello);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(bytes_of(w.ask("GET", "/v2/foo/bar/blobs/" + kDigest)), kHello);
}

TEST(Push, ABlobComesInChunks) {
  Writable w;
  std::string place = w.begin();
  Reply first = w.ask("PATCH", place, {{"Content-Range", "0-4"}}, kHello.substr(0, 5));
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(header(first, "Range"), "0-4");
  EXPECT_EQ(header(first, "Location"), place);
  Reply state = w.ask("GET", place);
  EXPECT_EQ(state.status, 204);
  EXPECT_EQ(header(state, "Range"), "0-4");
  EXPECT_EQ(w.ask("PATCH", place, {{"Content-Range", "5-7"}}, kHello.substr(5, 3)).status, 202);
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest), {{"Content-Range", "8-10"}}, kHello.substr(8)).status, 201);
  EXPECT_EQ(bytes_of(w.ask("GET", "/v2/foo/bar/blobs/" + kDigest)), kHello);
  EXPECT_EQ(w.ask("GET", place).status, 404) << "it has ended";
}

TEST(Push, AChunkWithoutItsPlaceIsTheNextOne) {
  Writable w;
  std::string place = w.begin();
  EXPECT_EQ(w.ask("PATCH", place, {}, kHello.substr(0, 5)).status, 202);
  EXPECT_EQ(w.ask("PATCH", place, {}, kHello.substr(5)).status, 202);
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest)).status, 201);
}

TEST(Push, V97ChunksOutOfOrderAreRefusedAndTheUploadGoesOn) {
  Writable w;
  std::string place = w.begin();
  Reply gap = w.ask("PATCH", place, {{"Content-Range", "5-10"}}, kHello.substr(5));
  EXPECT_EQ(gap.status, 416);
  EXPECT_EQ(header(gap, "Location"), place);
  EXPECT_EQ(w.ask("PATCH", place, {{"Content-Range", "0-4"}}, kHello.substr(0, 5)).status, 202);
  Reply overlap = w.ask("PATCH", place, {{"Content-Range", "3-10"}}, kHello.substr(3));
  EXPECT_EQ(overlap.status, 416);
  EXPECT_EQ(header(overlap, "Range"), "0-4");
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest), {{"Content-Range", "6-10"}}, kHello.substr(6)).status, 416);
  EXPECT_EQ(w.ask("PATCH", place, {{"Content-Range", "5-10"}}, kHello.substr(5)).status, 202);
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest)).status, 201);
}

TEST(Push, V97RangesThatLieAreRefused) {
  Writable w;
  for (const char* range : {"x", "5", "-", "4-2", "0-", "0-99999999999999999999999"})
    EXPECT_EQ(w.ask("PATCH", w.begin(), {{"Content-Range", range}}, "12345").status, 400) << range;
  EXPECT_EQ(w.ask("PATCH", w.begin(), {{"Content-Range", "0-2"}}, "12345").status, 400);
  EXPECT_EQ(w.ask("PATCH", w.begin(), {{"Content-Range", "0-9"}}, "12345").status, 400);
}

TEST(Push, V97AWrongDigestIsRefusedAndLeavesNothing) {
  Writable w;
  std::string other = Digest::of("other").str(), place = w.begin();
  Reply reply = w.ask("PUT", with_digest(place, other), {}, kHello);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(code_of(reply), "DIGEST_INVALID");
  for (const std::string& digest : {other, kDigest})
    EXPECT_EQ(w.ask("HEAD", "/v2/foo/bar/blobs/" + digest).status, 404);
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest), {}, kHello).status, 404);
  EXPECT_EQ(w.ask("POST", "/v2/foo/bar/blobs/uploads/?digest=" + other, {}, kHello).status, 400);
  EXPECT_EQ(w.ask("PUT", with_digest(w.begin(), "sha512:" + std::string(128, '0')), {}, kHello).status, 400);
  EXPECT_EQ(w.ask("PUT", with_digest(w.begin(), "sha256:x"), {}, kHello).status, 400);
  EXPECT_EQ(code_of(w.ask("PUT", w.begin(), {}, kHello)), "DIGEST_INVALID");
  EXPECT_TRUE(w.store.blobs().list().empty());
}

TEST(Push, V97AnUploadIsItsRepositorysAlone) {
  Writable w;
  std::string place = w.begin("foo/bar"), id = place.substr(place.rfind('/'));
  for (const char* method : {"GET", "PATCH", "PUT", "DELETE"})
    EXPECT_EQ(w.ask(method, "/v2/foo/other/blobs/uploads" + id + "?digest=" + kDigest, {}, "x").status, 404) << method;
  EXPECT_EQ(code_of(w.ask("GET", "/v2/foo/bar/blobs/uploads/0123456789abcdef")), "BLOB_UPLOAD_UNKNOWN");
  EXPECT_EQ(w.ask("GET", place).status, 204);
}

TEST(Push, ACancelledUploadIsGone) {
  Writable w;
  std::string place = w.begin();
  EXPECT_EQ(w.ask("PATCH", place, {}, kHello).status, 202);
  EXPECT_EQ(w.ask("DELETE", place).status, 204);
  EXPECT_EQ(w.ask("DELETE", place).status, 404);
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest)).status, 404);
  EXPECT_TRUE(w.ingest().empty());
}

TEST(Push, ARequestThatComesBackPutsTheBrokenOneOut) {
  Writable w;
  std::string place = w.begin();
  RequestHead head{.method = "PATCH", .target = place};
  auto broken = w.service.begin(head, parse_route(place));
  Work& work = *std::get<std::unique_ptr<Work>>(broken);
  work.take(as_bytes(std::string_view(kHello).substr(0, 5)));
  EXPECT_EQ(header(w.ask("PATCH", place, {{"Content-Range", "5-10"}}, kHello.substr(5)), "Range"), "0-10");
  EXPECT_THROW(work.take(as_bytes("late")), Error);
  EXPECT_EQ(w.ask("PUT", with_digest(place, kDigest)).status, 201);
}

TEST(Push, V97UploadsAreOfLimitedNumber) {
  Writable w;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < Uploads::kMaxUploads + 5; ++i) {
    Reply reply = w.ask("POST", "/v2/foo/bar/blobs/uploads/");
    if (reply.status == 429) ++refused;
  }
  EXPECT_EQ(refused, 5U);
}

TEST(Push, OldUploadsEnd) {
  Writable w;
  Uploads uploads(*w.catalog->writer());
  Repository repository{"docker.io/foo/bar", "foo/bar"};
  auto upload = uploads.begin(repository, "");
  uploads.drop_old(Upload::Clock::now() + std::chrono::minutes(59));
  EXPECT_EQ(uploads.count(), 1U);
  uploads.drop_old(Upload::Clock::now() + std::chrono::minutes(61));
  EXPECT_EQ(uploads.find(upload->id(), repository, ""), nullptr);
}

TEST(Push, ABlobThatIsThereIsMounted) {
  Writable w;
  w.push_blob(kHello, "");
  Reply reply = w.ask("POST", "/v2/other/app/blobs/uploads/?mount=" + kDigest + "&from=foo/bar");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(header(reply, "Location"), "/v2/other/app/blobs/" + kDigest);
  EXPECT_EQ(w.ask("POST", "/v2/other/app/blobs/uploads/?mount=" + Digest::of("no").str() + "&from=foo/bar").status,
            202);
  EXPECT_EQ(w.ask("POST", "/v2/other/app/blobs/uploads/?mount=" + kDigest + "&from=../x").status, 400);
}

TEST(Push, AnImageIsPulledAsItWasPushedAndIsOneOfTheStore) {
  Writable w;
  std::string manifest = w.image("layer");
  Reply reply = w.put("1", manifest);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(header(reply, "Docker-Content-Digest"), Digest::of(manifest).str());
  EXPECT_EQ(header(reply, "Location"), "/v2/foo/bar/manifests/" + Digest::of(manifest).str());
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/1").body, manifest);
  EXPECT_EQ(w.store.images().find(Reference::parse("foo/bar:1"))->digest, Digest::of(manifest));
  EXPECT_EQ(w.put("1", w.image("newer")).status, 201);
  EXPECT_NE(w.ask("GET", "/v2/foo/bar/manifests/1").body, manifest) << "tags move";
}

TEST(Push, ManifestsByDigestNeedNoTag) {
  Writable w;
  std::string manifest = w.image("layer"), digest = Digest::of(manifest).str();
  EXPECT_EQ(w.put(digest, manifest).status, 201);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/" + digest).status, 200);
  EXPECT_EQ(json_of(w.ask("GET", "/v2/foo/bar/tags/list"))["tags"].size(), 0U);
  EXPECT_EQ(code_of(w.put(Digest::of("x").str(), manifest)), "DIGEST_INVALID");
}

TEST(Push, ChildrenOfAnIndexHaveNoNamesOfTheirOwnBesideIt) {
  Writable w;
  std::string child = w.image("child"), digest = Digest::of(child).str();
  EXPECT_EQ(w.put(digest, child).status, 201);
  Descriptor entry{
      .media_type = std::string(media_type::kOciManifest), .digest = Digest::of(child), .size_bytes = child.size()};
  std::string index = render(Index{.media_type = std::string(media_type::kOciIndex), .manifests = {entry}});
  EXPECT_EQ(w.put("many", index, "foo/bar", std::string(media_type::kOciIndex)).status, 201);
  EXPECT_EQ(w.store.images().list().size(), 1U);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/" + digest).status, 200);
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/manifests/" + digest).status, 405);
}

TEST(Push, ManifestsWithoutTheirBlobsAreRefused) {
  Writable w;
  std::string manifest = w.image("layer");
  Descriptor absent{.media_type = std::string(media_type::kOciLayer), .digest = Digest::of("absent"), .size_bytes = 6};
  Manifest wrong = parse_image_manifest(manifest, "");
  wrong.layers.push_back(absent);
  Reply reply = w.put("1", render(wrong));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(code_of(reply), "MANIFEST_BLOB_UNKNOWN");
  EXPECT_NE(reply.body.find(absent.digest.str()), std::string::npos);
  wrong.layers.back() = parse_image_manifest(manifest, "").layers[0];
  wrong.layers.back().size_bytes += 1;
  EXPECT_EQ(code_of(w.put("1", render(wrong))), "MANIFEST_INVALID");
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/1").status, 404);
}

TEST(Push, WhatIsNoManifestIsRefused) {
  Writable w;
  for (const char* text : {"", "{}", "[]", "null", "{\"schemaVersion\":1}", "not json", "{\"schemaVersion\":2}"})
    EXPECT_EQ(code_of(w.put("1", text)), "MANIFEST_INVALID") << text;
  EXPECT_EQ(code_of(w.put("1", w.image("x"), "foo/bar", std::string(media_type::kOciIndex))), "MANIFEST_INVALID");
  EXPECT_EQ(code_of(w.put("1", w.image("x"), "foo/bar", "text/html")), "MANIFEST_INVALID");
}

TEST(Push, V100AHugeManifestIsRefused) {
  Writable w;
  Reply reply = w.put("1", std::string(5 << 20, ' '));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(code_of(reply), "MANIFEST_INVALID");
}

TEST(Push, ReferrersAreTakenBeforeTheirSubject) {
  Writable w;
  Descriptor subject{
      .media_type = std::string(media_type::kOciManifest), .digest = Digest::of("later"), .size_bytes = 5};
  std::string signature = w.image("signature", subject);
  Reply reply = w.put(Digest::of(signature).str(), signature);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(header(reply, "OCI-Subject"), subject.digest.str());
  Reply list = w.ask("GET", "/v2/foo/bar/referrers/" + subject.digest.str());
  ASSERT_EQ(json_of(list)["manifests"].size(), 1U);
  EXPECT_EQ(json_of(list)["manifests"][0]["digest"], Digest::of(signature).str());
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/manifests/" + Digest::of(signature).str()).status, 202);
  EXPECT_EQ(json_of(w.ask("GET", "/v2/foo/bar/referrers/" + subject.digest.str()))["manifests"].size(), 0U);
}

TEST(Push, AnArtifactIsNoBrokenImage) {
  Writable w;
  std::string artifact = render(Manifest{.media_type = std::string(media_type::kOciManifest),
                                         .artifact_type = "x/chart",
                                         .config = w.push_blob("{}", "application/vnd.oci.empty.v1+json"),
                                         .layers = {w.push_blob("chart", "x/chart.layer")}});
  EXPECT_EQ(w.put("1", artifact).status, 201);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/1").body, artifact);
  std::vector<std::string> broken;
  auto images = list_local_images(w.store, Platform::host(), [&](const std::string& what) { broken.push_back(what); });
  EXPECT_TRUE(images.empty());
  EXPECT_TRUE(broken.empty()) << broken[0];
}

TEST(Manage, TagsAreDeleted) {
  Writable w;
  std::string manifest = w.image("layer");
  w.put("1", manifest);
  w.put("2", manifest);
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/manifests/1").status, 202);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/1").status, 404);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/2").status, 200);
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/manifests/1").status, 404);
}

TEST(Manage, AManifestIsDeletedWithItsTagsInThisRepositoryAlone) {
  Writable w;
  std::string manifest = w.image("layer"), digest = Digest::of(manifest).str();
  w.put("1", manifest);
  w.put("2", manifest);
  w.put("1", manifest, "foo/other");
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/manifests/" + digest).status, 202);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/" + digest).status, 404);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/manifests/2").status, 404);
  EXPECT_EQ(w.ask("GET", "/v2/foo/other/manifests/1").status, 200);
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/manifests/" + digest).status, 404);
}

TEST(Manage, BlobsAreDeletedUnlessAnImageNeedsThem) {
  Writable w;
  w.push_blob(kHello, "");
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/blobs/" + kDigest).status, 202);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/blobs/" + kDigest).status, 404);
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/blobs/" + kDigest).status, 404);
  w.put("1", w.image("layer"));
  EXPECT_EQ(w.ask("DELETE", "/v2/foo/bar/blobs/" + Digest::of("layer").str()).status, 405);
  EXPECT_EQ(w.ask("GET", "/v2/foo/bar/blobs/" + Digest::of("layer").str()).status, 200);
}

TEST(Manage, V98ADamagedBlobIsSetAsideAndCanBePushedAgain) {
  Writable w;
  w.put("1", w.image("layer"));
  std::string target = "/v2/foo/bar/blobs/" + Digest::of("layer").str();
  std::filesystem::path file = w.temp.path() / "store/blobs/sha256" / Digest::of("layer").hex();
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  {
    Fd blob(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    write_all(blob, "X", "blob");
  }
  EXPECT_EQ(outcome_of(w.ask("GET", target)), Flight::State::bad);
  EXPECT_EQ(w.ask("HEAD", target).status, 404);
  w.push_blob("layer", "");
  EXPECT_EQ(outcome_of(w.ask("GET", target)), Flight::State::good);
}

TEST(Manage, WhatIsNotDoneSaysWhatIs) {
  Writable w;
  EXPECT_EQ(header(w.ask("POST", "/v2/foo/bar/manifests/1"), "Allow"), "GET, HEAD, PUT, DELETE");
  EXPECT_EQ(header(w.ask("PUT", "/v2/foo/bar/blobs/" + kDigest), "Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(header(w.ask("GET", "/v2/foo/bar/blobs/uploads/"), "Allow"), "POST");
  EXPECT_EQ(w.ask("DELETE", "/v2/_catalog").status, 405);
  EXPECT_EQ(w.ask("TRACE", "/v2/").status, 405);
}

}  // namespace
}  // namespace imgb::server
