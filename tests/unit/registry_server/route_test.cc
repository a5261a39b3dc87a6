#include "registry/server/route.h"

#include <gtest/gtest.h>

namespace imgb::server {
namespace {

const std::string kHex(64, 'a'), kDigest = "sha256:" + kHex;

template <class Kind>
Kind as(std::string_view target) {
  return std::get<Kind>(parse_route(target));
}
int refusal(std::string_view target) {
  Route route = parse_route(target);
  const auto* bad = std::get_if<BadRoute>(&route);
  return bad ? bad->status : 200;
}
std::string repository(std::string_view target) {
  Route route = parse_route(target);
  const auto* tags = std::get_if<route::Tags>(&route);
  return tags ? tags->repository.name : "none";
}

TEST(Route, NamesOfDockerHubAreOneHoweverTheyAreSpelled) {
  for (const char* name : {"debian", "library/debian", "docker.io/library/debian", "docker.io/debian"})
    EXPECT_EQ(repository(std::string("/v2/") + name + "/tags/list"), "docker.io/library/debian") << name;
}

TEST(Route, NamesOfDifferentRegistriesDoNotCollide) {
  EXPECT_EQ(repository("/v2/quay.io/a/b/tags/list"), "quay.io/a/b");
  EXPECT_EQ(repository("/v2/a/b/tags/list"), "docker.io/a/b");
  EXPECT_EQ(repository("/v2/a/b/tags/list?ns=quay.io"), "quay.io/a/b");
  EXPECT_EQ(repository("/v2/a/b/tags/list?ns=docker.io"), "docker.io/a/b");
  EXPECT_EQ(repository("/v2/b/tags/list?ns=quay.io"), "quay.io/b");
  EXPECT_EQ(repository("/v2/b/tags/list?ns=localhost:5000"), "localhost:5000/b");
}

TEST(Route, NamespacesThatAreNoRegistryAreRefused) {
  for (const char* ns : {"evil/../x", "a%2Fb", "quay.io%2Fx", "x", "%20", "a%00b", "UPPER/x"})
    EXPECT_EQ(refusal(std::string("/v2/a/b/tags/list?ns=") + ns), 400) << ns;
}

TEST(Route, RepositoriesMayHaveTheWordsOfTheApiInTheirNames) {
  EXPECT_EQ(as<route::Manifest>("/v2/a/blobs/uploads/manifests/tags/manifests/1").repository.asked,
            "a/blobs/uploads/manifests/tags");
  EXPECT_EQ(as<route::Tags>("/v2/manifests/x/tags/list").repository.asked, "manifests/x");
}

TEST(Route, UploadsMayEndInASlashOrNot) {
  for (const char* target : {"/v2/a/b/blobs/uploads/", "/v2/a/b/blobs/uploads"})
    EXPECT_EQ(as<route::Uploads>(target).repository.asked, "a/b");
  auto mount = as<route::Uploads>("/v2/a/b/blobs/uploads/?mount=" + kDigest + "&from=c/d");
  EXPECT_EQ(mount.mount->str(), kDigest);
  auto upload = as<route::Upload>("/v2/a/b/blobs/uploads/0123?digest=sha256%3A" + kHex);
  EXPECT_EQ(upload.id, "0123");
  EXPECT_EQ(upload.digest->str(), kDigest);
}

TEST(Route, ManifestsAreAskedForByTagOrDigest) {
  EXPECT_EQ(std::get<std::string>(as<route::Manifest>("/v2/a/manifests/v1.0_x-2").which), "v1.0_x-2");
  EXPECT_EQ(std::get<Digest>(as<route::Manifest>("/v2/a/manifests/" + kDigest).which).str(), kDigest);
}

TEST(Route, ReferrersKnowTheirFilterWithItsPlusSign) {
  EXPECT_EQ(as<route::Referrers>("/v2/a/referrers/" + kDigest + "?artifactType=application/x+json").artifact_type,
            "application/x+json");
}

TEST(Route, V96PathsThatLeadElsewhereAreRefused) {
  for (const char* target : {"/v2/../../etc/passwd/manifests/x",
                             "/v2/%2e%2e/%2e%2e/etc/passwd/manifests/x",
                             "/v2//a/manifests/x",
                             "/v2/a//b/manifests/x",
                             "/v2/a\\b/manifests/x",
                             "/v2/a%5cb/manifests/x",
                             "/v2/a%00b/manifests/x",
                             "/v2/A/manifests/x",
                             "/v2/./a/manifests/x",
                             "/v2/\xc3\xa4/manifests/x",
                             "/v2/a/b:5/manifests/x",
                             "/v2/-a/manifests/x",
                             "/v2/a/manifests/..%2f..%2fx",
                             "/v2/a/manifests/.x",
                             "/v2/a/blobs/sha256:..",
                             "/v2/a/blobs/sha256:../../index.json",
                             "/v2/a@b/manifests/x",
                             "v2/a/manifests/x",
                             "*",
                             "",
                             "/v2/a/manifests/",
                             "/v2/a/manifests/x%zz",
                             "/v2/a/blobs/md5:00",
                             "/v2/a/manifests/sha256:short",
                             "/_imgb/files/../x",
                             "/_imgb/files/x",
                             "/_imgb/../etc/passwd"})
    EXPECT_GE(refusal(target), 400) << target;
  EXPECT_EQ(refusal("/v2/" + std::string(300, 'a') + "/manifests/x"), 400);
  EXPECT_EQ(refusal("/v2/" + std::string(kMaxTargetBytes, 'a') + "/manifests/x"), 414);
}

TEST(Route, V100NumbersOfPagesAreNumbers) {
  for (const char* n : {"-1", "x", "", "99999999999999999999", "1e3"})
    EXPECT_EQ(refusal(std::string("/v2/_catalog?n=") + n), 400) << n;
  EXPECT_EQ(as<route::Repositories>("/v2/_catalog?n=2147483648&last=b").pages.n, 2147483648U);
}

TEST(Route, ServedNamesLeadBack) {
  EXPECT_EQ(served_name("docker.io", "library/debian"), "library/debian");
  EXPECT_EQ(served_name("docker.io", "foo.io/bar"), "docker.io/foo.io/bar");
  EXPECT_EQ(served_name("quay.io", "a/b"), "quay.io/a/b");
  EXPECT_EQ(served_name("localhost:5000", "a"), std::nullopt);
}

}  // namespace
}  // namespace imgb::server
