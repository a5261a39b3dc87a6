#include "registry/fetch_url.h"

#include "core/base/base64.h"
#include "tests/unit/registry/world.h"

namespace imgb {
namespace {

class FetchUrl : public testing::Test, public World {
 protected:
  FetchUrl() : World(impatient()) {}
  FetchedUrl fetch(UrlFetch wish) {
    into = {};
    return fetch_url(transport, settings, retrier, wish, into, nullptr, {});
  }
  FetchedUrl fetch(const std::string& target) { return fetch(UrlFetch{.url = registry.url(target)}); }
  void serve(const std::string& path, Headers headers, std::string body = "content") {
    registry.add_file(path, {200, std::move(headers), std::move(body)});
  }
  FakeRegistry registry;
  StringSink into;
};

TEST_F(FetchUrl, BytesValidatorsAndTimeComeTogether) {
  serve("/f", {{"ETag", "\"v1\""}, {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"}});
  FetchedUrl got = fetch("/f");
  EXPECT_EQ(into.text(), "content");
  EXPECT_FALSE(got.unchanged);
  EXPECT_EQ(got.validators.etag, "\"v1\"");
  EXPECT_EQ(got.mtime_seconds, 784111777);
}

TEST_F(FetchUrl, AFileThatDidNotChangeIsNotSentAgain) {
  serve("/f", {{"ETag", "\"v1\""}});
  FetchedUrl got = fetch(UrlFetch{.url = registry.url("/f"), .known = UrlValidators{"\"v1\"", ""}});
  EXPECT_TRUE(got.unchanged);
  EXPECT_EQ(got.validators.etag, "\"v1\"");
  EXPECT_EQ(into.text(), "");
  got = fetch(UrlFetch{.url = registry.url("/f"), .known = UrlValidators{"\"v0\"", ""}});
  EXPECT_FALSE(got.unchanged);
  EXPECT_EQ(into.text(), "content");
}

TEST_F(FetchUrl, A304ThatNobodyAskedForIsAnError) {
  registry.add_fault({.path = "/f", .times = -1, .status = 304});
  EXPECT_THROW(fetch("/f"), Error);
}

TEST_F(FetchUrl, V35_NamesThatTheServerSuggestsDoNotMatter) {
  for (const char* name : {"../../pwn", "..", "", "a\tb"}) {
    serve("/f", {{"Content-Disposition", fmt::format("attachment; filename=\"{}\"", name)}});
    fetch("/f");
    EXPECT_EQ(into.text(), "content") << name;
  }
}

TEST_F(FetchUrl, V36_RedirectsAreFollowedOnlyWhereTheyAreSafe) {
  serve("/f", {});
  registry.add_file("/moved", {302, {{"Location", "/f"}}, ""});
  fetch("/moved");
  EXPECT_EQ(into.text(), "content");
  FakeRegistry other;
  for (std::string target : {std::string("http://169.254.169.254/"), std::string("file:///etc/shadow"),
                             std::string("http://localhost:1/"), other.url("/f"), std::string("ftp://x/")}) {
    registry.add_file("/moved", {302, {{"Location", target}}, ""});
    EXPECT_THROW(fetch("/moved"), Error) << target;
  }
  EXPECT_TRUE(other.requests().empty());
  for (const char* url : {"file:///etc/shadow", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"}) {
    error_of(ErrorKind::input, [&] { fetch(UrlFetch{.url = url}); });
  }
}

TEST_F(FetchUrl, V37_AnEndlessBodyIsCapped) {
  serve("/f", {});
  registry.add_fault({.path = "/f", .times = -1, .endless_after = 5});
  error_of(ErrorKind::denied, [&] { fetch(UrlFetch{.url = registry.url("/f"), .max_bytes = 1 << 20}); });
  registry.clear_faults();
  error_of(ErrorKind::denied, [&] { fetch(UrlFetch{.url = registry.url("/f"), .max_bytes = 6}); });
  EXPECT_EQ(into.text(), "");  // Content-Length said it
  fetch(UrlFetch{.url = registry.url("/f"), .max_bytes = 7});
}

TEST_F(FetchUrl, F7_ACutDownloadGoesOnWhenTheServerCanTell) {
  std::string body = some_bytes(100'000);
  serve("/f", {{"ETag", "\"v1\""}}, body);
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  fetch("/f");
  EXPECT_TRUE(into.text() == body);
  EXPECT_EQ(registry.requests().back().header("Range"), "bytes=40000-");
  EXPECT_EQ(registry.requests().back().header("If-Range"), "\"v1\"");
}

TEST_F(FetchUrl, F7_ACutDownloadThatCannotGoOnIsAnErrorNotAMixture) {
  std::string body = some_bytes(100'000);
  serve("/f", {{"ETag", "W/\"weak\""}}, body);
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  error_of(ErrorKind::unavailable, [&] { fetch("/f"); });
  serve("/f", {{"ETag", "\"v1\""}}, body);
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  registry.add_fault({.path = "/f", .change = [](FakeReply& reply) {
                        reply = {200, {{"ETag", "\"v2\""}}, "another file"};
                      }});
  std::string text = error_of(ErrorKind::denied, [&] { fetch("/f"); });
  EXPECT_NE(text.find("changed"), std::string::npos) << text;
}

TEST_F(FetchUrl, F7_AServerWithoutRangesSendsTheSameFileOnceMore) {
  std::string body = some_bytes(100'000);
  serve("/f", {{"ETag", "\"v1\""}}, body);
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  registry.add_fault({.path = "/f", .cut_at = 30'000, .no_ranges = true});
  registry.add_fault({.path = "/f", .cut_at = 70'000, .no_ranges = true});
  registry.add_fault({.path = "/f", .times = -1, .no_ranges = true});
  fetch("/f");
  EXPECT_TRUE(into.text() == body);
  EXPECT_EQ(registry.requests().size(), 4u);
}

TEST_F(FetchUrl, F7_PartsThatAreShorterOrLongerThanAskedFitTogether) {
  std::string body = some_bytes(100'000);
  serve("/f", {{"ETag", "\"v1\""}}, body);
  auto part = [&](std::size_t first, std::size_t end) {
    return FakeFault{
        .path = "/f", .change = [&body, first, end](FakeReply& reply) {
          reply = {206,
                   {{"ETag", "\"v1\""}, {"Content-Range", fmt::format("bytes {}-{}/{}", first, end - 1, body.size())}},
                   body.substr(first, end - first)};
        }};
  };
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  registry.add_fault(part(40'000, 50'000));
  registry.add_fault(part(20'000, 100'000));
  fetch("/f");
  EXPECT_TRUE(into.text() == body);
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  registry.add_fault(part(60'000, 100'000));
  error_of(ErrorKind::denied, [&] { fetch("/f"); });
  registry.add_fault({.path = "/f", .cut_at = 40'000});
  registry.add_fault({.path = "/f", .change = [](FakeReply& reply) { reply.headers.set("ETag", "\"v2\""); }});
  std::string text = error_of(ErrorKind::denied, [&] { fetch("/f"); });
  EXPECT_NE(text.find("changed"), std::string::npos) << text;
}

TEST_F(FetchUrl, F7_ADownloadThatMovesMayBreakMoreOften) {
  std::string body = some_bytes(kProgressBytes + 1000);
  serve("/f", {{"ETag", "\"v1\""}}, body);
  registry.add_fault({.path = "/f", .times = 5, .status = 503});
  registry.add_fault({.path = "/f", .cut_at = kProgressBytes});
  registry.add_fault({.path = "/f", .times = 4, .status = 503});
  fetch("/f");
  EXPECT_TRUE(into.text() == body);
}

TEST_F(FetchUrl, TemporaryFailuresAreTriedAgainAndOthersNamed) {
  serve("/f", {});
  registry.add_fault({.path = "/f", .status = 503});
  registry.add_fault({.path = "/f", .cut_at = 0});
  fetch("/f");
  EXPECT_EQ(into.text(), "content");
  std::string text = error_of(ErrorKind::not_found, [&] { fetch("/nope?token=secret"); });
  EXPECT_NE(text.find("/nope: 404"), std::string::npos) << text;
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
}

TEST_F(FetchUrl, CredentialsInTheUrlOrHeadersGoToItsServerAlone) {
  serve("/f", {});
  std::string url = registry.url("/f");
  url.insert(url.find("//") + 2, "bob:p%40ss@");
  fetch(UrlFetch{.url = url});
  EXPECT_EQ(registry.requests().back().header("Authorization"), "Basic " + encode_base64("bob:p@ss"));
  fetch(UrlFetch{.url = registry.url("/f"), .headers = {"X-Token: t"}});
  EXPECT_EQ(registry.requests().back().header("X-Token"), "t");
  std::string text = error_of(ErrorKind::not_found, [&] {
    std::string missing = url;
    fetch(UrlFetch{.url = missing + "x"});
  });
  EXPECT_EQ(text.find("p@ss"), std::string::npos) << text;
  EXPECT_EQ(text.find("bob"), std::string::npos) << text;
}

}  // namespace
}  // namespace imgb
