#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

/// Tags, referrers and deletion, as a registry of the test's making answers them.
class Lists : public testing::Test, public World {
 protected:
  Reference name(const std::string& rest = "") const { return Reference::parse(registry.host() + "/team/app" + rest); }
  void answer(const std::string& path, const std::string& body, const std::string& link = "", int times = -1) {
    Headers headers{{"Content-Type", "application/json"}};
    if (!link.empty()) headers.set("Link", link);
    registry.add_fault({.path = path, .times = times, .status = 200, .headers = headers, .body = body});
  }
  FakeRegistry registry;
};

TEST_F(Lists, TagsAreReadPageByPage) {
  answer("last=b", R"({"name":"team/app","tags":["c"]})");
  answer("/tags/list", R"({"name":"team/app","tags":["a","b"]})", "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\"");
  auto found = client.list_tags(name(), 100, nullptr, {});
  EXPECT_EQ(found.tags, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(found.more);
}

TEST_F(Lists, NoMorePagesAreReadThanAreWanted) {
  answer("/tags/list", R"({"tags":["a","b"]})", "<?n=2&last=b>; rel=\"next\"");
  auto found = client.list_tags(name(), 3, nullptr, {});
  EXPECT_EQ(found.tags.size(), 3u);
  EXPECT_TRUE(found.more);
  EXPECT_EQ(registry.count("GET", "/tags/list"), 2u);
}

TEST_F(Lists, V60_APageOnAnotherServerSeesNoCredential) {
  FakeRegistry::Options options;
  options.auth = FakeRegistry::Auth::basic;
  FakeRegistry guarded(options), other;
  settings.credentials[guarded.host()] = {"alice", "wonderland", ""};
  guarded.add_fault({.path = "/tags/list", .times = -1, .change = [&](FakeReply& reply) {
                       if (reply.status == 401) return;
                       reply = {200, {{"Link", "<" + other.url("/steal") + ">; rel=\"next\""}}, R"({"tags":["a"]})"};
                     }});
  EXPECT_THROW(client.list_tags(Reference::parse(guarded.host() + "/team/app"), 100, nullptr, {}), Error);
  EXPECT_EQ(other.count("GET", "/steal"), 1u);
  EXPECT_FALSE(other.was_sent_credentials());
}

TEST_F(Lists, V58_AListThatIsNoneIsRefused) {
  answer("/tags/list", R"({"tags":"all of them"})");
  error_of(ErrorKind::corrupt, [&] { client.list_tags(name(), 100, nullptr, {}); });
}

TEST_F(Lists, ReferrersComeFromTheApiWhereThereIsOne) {
  Digest subject = Digest::of("subject");
  Descriptor referrer{std::string(media_type::kOciManifest), Digest::of("referrer"), 8, {}, {}, "text/x"};
  answer("/referrers/" + subject.str(),
         render(Index{.media_type = std::string(media_type::kOciIndex), .manifests = {referrer}}));
  auto found = client.list_referrers(name(), subject, nullptr, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], referrer);
  EXPECT_EQ(registry.count("GET", "/manifests/"), 0u);
}

TEST_F(Lists, NothingRefersToAnImageWithoutApiAndTag) {
  EXPECT_TRUE(client.list_referrers(name(), Digest::of("subject"), nullptr, {}).empty());
}

TEST_F(Lists, V70_EndlessReferrersEnd) {
  Digest subject = Digest::of("subject");
  int page = 0;
  registry.add_fault(
      {.path = "/referrers/", .times = -1, .change = [&](FakeReply& reply) {
         Index index{.media_type = std::string(media_type::kOciIndex)};
         for (int i = 0; i < 100; ++i)
           index.manifests.push_back(
               {std::string(media_type::kOciManifest), Digest::of(std::to_string(page * 100 + i)), 1, {}, {}, {}});
         ++page;
         reply = {200, {{"Link", "<?page=" + std::to_string(page) + ">; rel=next"}}, render(index)};
       }});
  error_of(ErrorKind::unsupported, [&] { client.list_referrers(name(), subject, nullptr, {}); });
  EXPECT_LE(page, 11);
}

TEST_F(Lists, ARegistryThatKnowsSubjectsNeedsNoTagForThem) {
  registry.add_fault({.method = "PUT", .times = -1, .headers = {{"OCI-Subject", Digest::of("subject").str()}}});
  Descriptor manifest{std::string(media_type::kOciManifest), Digest::of("{}"), 2, {}, {}, {}};
  EXPECT_TRUE(client.put_manifest(name(":1"), manifest, "{}", nullptr, {}));
}

TEST_F(Lists, AnotherReferrerJoinsThoseThatTheTagHas) {
  Digest subject = Digest::of("subject");
  for (const char* text : {"one", "two", "one"})
    client.add_referrer(name(), subject, {std::string(media_type::kOciManifest), Digest::of(text), 3, {}, {}, {}},
                        nullptr, {});
  EXPECT_EQ(client.list_referrers(name(), subject, nullptr, {}).size(), 2u);
}

TEST_F(Lists, DeletingSaysWhenARegistryDoesNotAllowIt) {
  registry.add_fault({.method = "DELETE", .status = 202});
  client.delete_manifest(name(":1"), nullptr, {});
  EXPECT_EQ(registry.count("DELETE", "/v2/team/app/manifests/1"), 1u);
  registry.add_fault(
      {.method = "DELETE", .status = 405, .body = R"({"errors":[{"code":"UNSUPPORTED","message":"no"}]})"});
  std::string text = error_of(ErrorKind::unsupported, [&] { client.delete_manifest(name(":1"), nullptr, {}); });
  EXPECT_NE(text.find("by digest"), std::string::npos) << text;
}

}  // namespace
}  // namespace imgb
