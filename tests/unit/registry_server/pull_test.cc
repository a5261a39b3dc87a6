#include "tests/unit/registry_server/world.h"

namespace imgb::server {
namespace {

const std::string kAbsent = "sha256:" + std::string(64, '0');

TEST(Pull, TheRegistrySaysThatItIsOne) {
  ServedStore served;
  EXPECT_EQ(served.ask("GET", "/v2/").status, 200);
  EXPECT_NE(render_head(served.ask("GET", "/v2/"), true).find("Docker-Distribution-Api-Version: registry/2.0"),
            std::string::npos);
}

TEST(Pull, AManifestIsTheSameByTagAndByDigest) {
  ServedStore served;
  Descriptor image = served.add({"team/app:1"});
  Reply by_tag = served.ask("GET", "/v2/team/app/manifests/1");
  Reply by_digest = served.ask("GET", "/v2/team/app/manifests/" + image.digest.str());
  EXPECT_EQ(by_tag.status, 200);
  EXPECT_EQ(Digest::of(by_tag.body), image.digest);
  EXPECT_EQ(by_tag.body, by_digest.body);
  EXPECT_EQ(header(by_tag, "Content-Type"), image.media_type);
  EXPECT_EQ(header(by_tag, "Docker-Content-Digest"), image.digest.str());
}

TEST(Pull, WhatIsNotThereIs404WithItsCode) {
  ServedStore served;
  served.add({"team/app:1"});
  EXPECT_EQ(code_of(served.ask("GET", "/v2/team/app/manifests/2")), "MANIFEST_UNKNOWN");
  EXPECT_EQ(code_of(served.ask("GET", "/v2/team/app/manifests/" + kAbsent)), "MANIFEST_UNKNOWN");
  EXPECT_EQ(code_of(served.ask("GET", "/v2/other/manifests/1")), "NAME_UNKNOWN");
  EXPECT_EQ(code_of(served.ask("GET", "/v2/other/tags/list")), "NAME_UNKNOWN");
  Reply blob = served.ask("GET", "/v2/team/app/blobs/" + kAbsent);
  EXPECT_EQ(blob.status, 404);
  EXPECT_EQ(code_of(blob), "BLOB_UNKNOWN");
}

TEST(Pull, ManifestsAnswerThroughTheRepositoriesThatHoldThem) {
  ServedStore served;
  Descriptor image = served.add({"team/app:1"}), other = served.add({"team/other:1"}, {"two"});
  EXPECT_EQ(served.ask("GET", "/v2/team/other/manifests/" + other.digest.str()).status, 200);
  EXPECT_EQ(served.ask("GET", "/v2/team/other/manifests/" + image.digest.str()).status, 404);
}

TEST(Pull, AConfigIsNoManifest) {
  ServedStore served;
  Descriptor image = served.add({"team/app:1"});
  Manifest manifest = parse_image_manifest(read_blob(served.store.blobs(), image, kMaxManifestBytes), "");
  EXPECT_EQ(served.ask("GET", "/v2/team/app/manifests/" + manifest.config.digest.str()).status, 404);
}

TEST(Pull, ChildrenOfAnIndexAreThereThroughIt) {
  ServedStore served;
  Descriptor child = make_image(served.store.blobs(), {"child"});
  Index index{.media_type = std::string(media_type::kOciIndex), .manifests = {child}};
  Descriptor whole = write_blob(served.store.blobs(), render(index), index.media_type);
  std::vector<Reference> names{Reference::parse("team/many:1")};
  publish(served.store, whole, names);
  EXPECT_EQ(header(served.ask("GET", "/v2/team/many/manifests/1"), "Content-Type"), media_type::kOciIndex);
  EXPECT_EQ(served.ask("GET", "/v2/team/many/manifests/" + child.digest.str()).status, 200);
}

TEST(Pull, BlobsComeWholeInPartsAndOnlyWhenNeeded) {
  ServedStore served;
  served.add({"team/app:1"}, {"0123456789"});
  std::string digest = Digest::of("0123456789").str(), target = "/v2/team/app/blobs/" + digest;
  EXPECT_EQ(bytes_of(served.ask("GET", target)), "0123456789");
  EXPECT_EQ(header(served.ask("GET", target), "Docker-Content-Digest"), digest);
  Reply part = served.ask("GET", target, {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(bytes_of(part), "234");
  EXPECT_EQ(header(part, "Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(served.ask("GET", target, {{"Range", "bytes=10-"}}).status, 416);
  EXPECT_EQ(served.ask("GET", target, {{"If-None-Match", '"' + digest + '"'}}).status, 304);
  Reply head = served.ask("HEAD", target);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(render_head(head, true).find("Content-Length: 10\r\n"), std::string::npos);
}

TEST(Pull, NewImagesOfOtherProcessesAreSeen) {
  ServedStore served;
  EXPECT_EQ(served.ask("GET", "/v2/team/app/manifests/1").status, 404);
  Store other = Store::open(served.temp.path() / "store");
  for (int i = 1; i < 20; ++i) {
    Descriptor image = make_image(other.blobs(), {std::to_string(i)});
    std::vector<Reference> names{Reference::parse("team/app:1")};
    publish(other, image, names);
    EXPECT_EQ(header(served.ask("HEAD", "/v2/team/app/manifests/1"), "Docker-Content-Digest"), image.digest.str());
  }
}

TEST(Pull, V98ADamagedBlobIsFoundOnItsFirstReadAndRefusedEverAfter) {
  ServedStore served;
  served.add({"team/app:1"}, {"0123456789", "good"});
  std::filesystem::path file = served.temp.path() / "store/blobs/sha256" / Digest::of("0123456789").hex();
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  {
    Fd blob(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    write_all(blob, "X", "blob");
  }
  std::string target = "/v2/team/app/blobs/" + Digest::of("0123456789").str();
  EXPECT_EQ(outcome_of(served.ask("GET", target)), Flight::State::bad);
  EXPECT_EQ(outcome_of(served.ask("GET", target, {{"Range", "bytes=3-4"}})), Flight::State::bad);
  EXPECT_EQ(outcome_of(served.ask("GET", "/v2/team/app/blobs/" + Digest::of("good").str())), Flight::State::good);
  EXPECT_EQ(served.service.checked().bad, 1U);
}

TEST(Pull, ABlobIsReadOnceUntilItsFileChanges) {
  ServedStore served;
  served.add({"team/app:1"}, {"0123456789"});
  std::string target = "/v2/team/app/blobs/" + Digest::of("0123456789").str();
  EXPECT_EQ(outcome_of(served.ask("GET", target)), Flight::State::good);
  EXPECT_EQ(served.ask("GET", target).blob->flight, nullptr);
  EXPECT_EQ(served.service.checked().good, 1U);
  std::filesystem::path file = served.temp.path() / "store/blobs/sha256" / Digest::of("0123456789").hex();
  std::filesystem::remove(file);
  Dir::open_host(file.parent_path()).replace_file(file.filename().string(), "other data", 0644);
  EXPECT_EQ(outcome_of(served.ask("GET", target)), Flight::State::bad);
}

TEST(Pull, V98ADamagedManifestIsRefused) {
  ServedStore served;
  Descriptor image = served.add({"team/app:1"});
  std::filesystem::path file = served.temp.path() / "store/blobs/sha256" / image.digest.hex();
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  {
    Fd blob(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    write_all(blob, " ", "blob");
  }
  Reply reply = served.ask("GET", "/v2/team/app/manifests/1");
  EXPECT_EQ(reply.status, 500);
  EXPECT_NE(reply.body.find(image.digest.str()), std::string::npos) << reply.body;
}

TEST(Pull, WhatIsNoRegularFileIsNoBlob) {
  ServedStore served;
  served.add({"team/app:1"}, {"0123456789"});
  std::filesystem::path file = served.temp.path() / "store/blobs/sha256" / Digest::of("0123456789").hex();
  std::string target = "/v2/team/app/blobs/" + Digest::of("0123456789").str();
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0644), 0);
  EXPECT_EQ(served.ask("GET", target).status, 404);
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/etc/passwd", file);
  Reply reply = served.ask("GET", target);
  EXPECT_GE(reply.status, 404);
  EXPECT_EQ(bytes_of(reply).find("root:"), std::string::npos);
}

TEST(Pull, V99EveryMethodThatWritesIsRefusedEverywhere) {
  ServedStore served;
  Descriptor image = served.add({"team/app:1"});
  for (const char* method : {"PUT", "POST", "PATCH", "DELETE", "MOVE", "CONNECT", "TRACE", "OPTIONS"})
    for (const std::string& target :
         {std::string("/v2/"), std::string("/v2/_catalog"), std::string("/v2/team/app/tags/list"),
          std::string("/v2/team/app/manifests/1"), "/v2/team/app/manifests/" + image.digest.str(),
          "/v2/team/app/blobs/" + image.digest.str(), std::string("/v2/team/app/blobs/uploads/"),
          std::string("/v2/team/app/blobs/uploads/x"), "/v2/team/app/referrers/" + image.digest.str()}) {
      Reply reply = served.ask(method, target, {}, "body");
      EXPECT_EQ(reply.status, 405) << method << " " << target;
      EXPECT_EQ(code_of(reply), "UNSUPPORTED");
    }
  EXPECT_EQ(served.ask("GET", "/v2/team/app/manifests/1").status, 200);
}

}  // namespace
}  // namespace imgb::server
