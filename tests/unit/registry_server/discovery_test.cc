#include "tests/unit/registry_server/world.h"

namespace imgb::server {
namespace {

using Names = std::vector<std::string>;

TEST(Discovery, TagsAreInLexicalOrder) {
  ServedStore served;
  served.add({"app:b", "app:A", "app:a", "app:C", "app:10", "app:9"});
  EXPECT_EQ(json_of(served.ask("GET", "/v2/app/tags/list")),
            (nlohmann::json{{"name", "app"}, {"tags", {"10", "9", "A", "a", "b", "C"}}}));
}

TEST(Discovery, ListsAreGivenInPages) {
  ServedStore served;
  served.add({"app:a", "app:b", "app:c", "app:d"});
  Reply first = served.ask("GET", "/v2/app/tags/list?n=2");
  EXPECT_EQ(json_of(first)["tags"], (Names{"a", "b"}));
  EXPECT_EQ(header(first, "Link"), "</v2/app/tags/list?n=2&last=b>; rel=\"next\"");
  Reply second = served.ask("GET", "/v2/app/tags/list?n=2&last=b");
  EXPECT_EQ(json_of(second)["tags"], (Names{"c", "d"}));
  EXPECT_EQ(header(second, "Link"), "");
  EXPECT_EQ(json_of(served.ask("GET", "/v2/app/tags/list?n=0"))["tags"], Names{});
  EXPECT_EQ(json_of(served.ask("GET", "/v2/app/tags/list?last=bb"))["tags"], (Names{"c", "d"}));
}

TEST(Discovery, PagesOfANamespaceStayInIt) {
  ServedStore served;
  served.add({"quay.io/app:a", "quay.io/app:b"});
  EXPECT_EQ(header(served.ask("GET", "/v2/app/tags/list?ns=quay.io&n=1"), "Link"),
            "</v2/app/tags/list?n=1&last=a&ns=quay.io>; rel=\"next\"");
}

TEST(Discovery, RepositoriesAreListedByTheNamesThatFindThem) {
  ServedStore served;
  served.add({"debian:1", "quay.io/a/b:1", "foo/bar:1", "localhost:5000/hidden:1"});
  EXPECT_EQ(json_of(served.ask("GET", "/v2/_catalog"))["repositories"],
            (Names{"foo/bar", "library/debian", "quay.io/a/b"}));
  Reply page = served.ask("GET", "/v2/_catalog?n=1");
  EXPECT_EQ(header(page, "Link"), "</v2/_catalog?n=1&last=foo%2Fbar>; rel=\"next\"");
  for (const std::string name : json_of(served.ask("GET", "/v2/_catalog"))["repositories"])
    EXPECT_EQ(served.ask("GET", "/v2/" + name + "/manifests/1").status, 200) << name;
}

TEST(Discovery, V100HugePagesAreCapped) {
  ServedStore served;
  served.add({"app:a"});
  EXPECT_EQ(json_of(served.ask("GET", "/v2/_catalog?n=18446744073709551615"))["repositories"].size(), 1U);
  EXPECT_EQ(served.ask("GET", "/v2/_catalog?n=-1").status, 400);
  EXPECT_EQ(code_of(served.ask("GET", "/v2/app/tags/list?n=x")), "PAGINATION_NUMBER_INVALID");
}

/// An artifact that refers to `subject`.
Descriptor attach(Store& store, const Descriptor& subject, const std::string& type, const std::string& artifact_type) {
  Manifest manifest{.media_type = std::string(media_type::kOciManifest),
                    .artifact_type = artifact_type,
                    .config = write_blob(store.blobs(), "{}", type),
                    .layers = {},
                    .subject = subject,
                    .annotations = {{"by", artifact_type + type}}};
  Descriptor made = write_blob(store.blobs(), render(manifest), manifest.media_type);
  publish(store, made, {});
  return made;
}

TEST(Discovery, ReferrersAreListedWithWhatTheyAre) {
  ServedStore served;
  Descriptor image = served.add({"app:1"});
  Descriptor signature = attach(served.store, image, "application/vnd.oci.empty.v1+json", "x/signature");
  Descriptor bill = attach(served.store, image, "x/sbom+json", "");
  Reply all = served.ask("GET", "/v2/app/referrers/" + image.digest.str());
  EXPECT_EQ(header(all, "Content-Type"), media_type::kOciIndex);
  EXPECT_EQ(json_of(all)["manifests"].size(), 2U);
  EXPECT_EQ(header(all, "OCI-Filters-Applied"), "");

  Reply some = served.ask("GET", "/v2/app/referrers/" + image.digest.str() + "?artifactType=x/sbom%2Bjson");
  EXPECT_EQ(header(some, "OCI-Filters-Applied"), "artifactType");
  auto only = json_of(some)["manifests"];
  ASSERT_EQ(only.size(), 1U);
  EXPECT_EQ(only[0]["digest"], bill.digest.str());
  EXPECT_EQ(only[0]["artifactType"], "x/sbom+json") << "its config's type, as it has none of its own";
  EXPECT_EQ(only[0]["annotations"]["by"], "x/sbom+json");
  EXPECT_EQ(only[0]["size"], bill.size_bytes);
}

TEST(Discovery, WithoutReferrersTheListIsEmpty) {
  ServedStore served;
  served.add({"app:1"});
  Reply reply = served.ask("GET", "/v2/app/referrers/sha256:" + std::string(64, '0'));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(json_of(reply)["manifests"].size(), 0U);
}

TEST(Discovery, EntriesOfOtherToolsAreServedByTheNameTheyHave) {
  Descriptor entry{.media_type = std::string(media_type::kOciManifest), .digest = Digest::of("x")};
  auto name = [&](std::map<std::string, std::string> annotations) {
    entry.annotations = std::move(annotations);
    auto found = name_of_entry(entry, "folder");
    return found ? found->canonical() : "none";
  };
  EXPECT_EQ(name({{"org.opencontainers.image.ref.name", "1.0"}}), "docker.io/library/folder:1.0");
  EXPECT_EQ(name({{"org.opencontainers.image.ref.name", "busybox:1"}}), "docker.io/library/busybox:1");
  EXPECT_EQ(name({{"org.opencontainers.image.ref.name", "latest"}, {"io.containerd.image.name", "quay.io/a/b:latest"}}),
            "quay.io/a/b:latest");
  EXPECT_EQ(name({{"org.opencontainers.image.ref.name", "no/thing with spaces"}}), "none");
  EXPECT_EQ(name({}), "none");
}

}  // namespace
}  // namespace imgb::server
