#include "builder/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builder/run_failed.h"
#include "tests/support/test_build.h"

namespace imgb {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ImageConfig config_with(std::string user) {
  ImageConfig config;
  config.config.user = std::move(user);
  config.config.env = {"PATH=/bin", "BASE=1"};
  return config;
}

TEST(Build, CopyOntoABaseKeepsItsLayersAndNeverUnpacks) {
  TestBuild t;
  t.images.add("base", t.make_base(TreeBuilder().dir("/etc").file("/etc/os", "x"), config_with("")));
  t.write("a.txt", "hello");
  auto result = t.build("FROM base\nCOPY a.txt /srv/\nENV X=1\nCMD [\"x\"]\n");
  EXPECT_EQ(result.layers.size(), 2u);
  EXPECT_EQ(result.base_layers, 1u);
  EXPECT_EQ(t.read(result, "/srv/a.txt"), "hello");
  EXPECT_THAT(result.config.config.env, ElementsAre("PATH=/bin", "BASE=1", "X=1"));
  t.images.fetched.with([](auto& needs) { EXPECT_THAT(needs, Not(Contains(LayerNeed::unpacked))); });
  EXPECT_THAT(t.store.folder("snapshots").list(), IsEmpty());
}

TEST(Build, SecondBuildFindsEverythingAndIsTheSameImage) {
  TestBuild t;
  t.write("a", "1");
  std::string dockerfile = "FROM scratch\nWORKDIR /w\nCOPY a .\n";
  auto first = t.build(dockerfile);
  EXPECT_EQ(first.steps_run, 2u);
  t.now += kNanosecondsPerSecond * 3600;
  auto second = t.build(dockerfile);
  EXPECT_EQ(second.steps_cached, 2u);
  EXPECT_EQ(second.manifest, first.manifest);
}

TEST(Build, ChangedFileRunsItsCopyAndWhatFollows) {
  TestBuild t;
  t.write("a", "1");
  t.write("b", "1");
  std::string dockerfile = "FROM scratch\nCOPY a /\nCOPY b /\n";
  t.build(dockerfile);
  t.write("b", "22");
  auto result = t.build(dockerfile);
  EXPECT_EQ(result.steps_cached, 1u);
  EXPECT_EQ(t.read(result, "/b"), "22");
}

TEST(Build, TimesOfFilesDoNotCountForTheCache) {
  TestBuild t;
  t.write("a", "1");
  t.build("FROM scratch\nCOPY a /\n");
  t.context().set_mtime("a", 1'650'000'000'000'000'000);
  EXPECT_EQ(t.build("FROM scratch\nCOPY a /\n").steps_cached, 1u);
  t.context().set_mode("a", 0755);
  EXPECT_EQ(t.build("FROM scratch\nCOPY a /\n").steps_cached, 0u);
}

TEST(Build, OctalChmodMakesTheSourcesModeIrrelevant) {
  TestBuild t;
  t.write("a", "1", 0644);
  t.build("FROM scratch\nCOPY --chmod=0600 a /\n");
  t.context().set_mode("a", 0755);
  EXPECT_EQ(t.build("FROM scratch\nCOPY --chmod=0600 a /\n").steps_cached, 1u);
}

TEST(Build, EqualContentOfAnotherParentRejoins) {
  TestBuild t;
  t.write("a", "1");
  t.write("b", "2");
  t.build("FROM scratch\nCOPY a /x\nCOPY b /\n");
  t.write("c", "1");
  auto request = t.request("FROM scratch\nCOPY c /x\nCOPY b /\n");
  request.build_args["SOURCE_DATE_EPOCH"] = "1";
  auto first = t.run(request);
  request = t.request("FROM scratch\nCOPY a /x\nCOPY b /\n");
  request.build_args["SOURCE_DATE_EPOCH"] = "1";
  auto second = t.run(request);
  EXPECT_EQ(first.layers[1], second.layers[1]);
  EXPECT_EQ(second.steps_cached, 1u) << "the parent was made in another way and has the same bytes";
}

TEST(Build, ExplainNamesTheFileAndWhatAboutIt) {
  TestBuild t;
  t.write("src/app.py", "1");
  t.build("FROM scratch\nCOPY src /app\n");
  t.write("src/app.py", "22");
  auto request = t.request("FROM scratch\nCOPY src /app\n");
  request.explain = true;
  t.run(request);
  EXPECT_THAT(t.progress->notes(), ElementsAre("runs because file src/app.py: size 1 became 2, content changed"));
}

TEST(Build, IgnoredFilesAreNotThere) {
  TestBuild t;
  t.write("keep", "1");
  t.write("secret/.env", "password");
  auto request = t.request("FROM scratch\nCOPY . /\n");
  std::get<FolderContext>(request.context).ignore = "**/.env\nDockerfile*\n";
  auto result = t.run(request);
  EXPECT_TRUE(t.tree(result).find(RootedPath::clean("/keep")));
  EXPECT_FALSE(t.tree(result).find(RootedPath::clean("/secret/.env")));
}

TEST(Build, UnneededStagesAndTheirImagesAreNotTouched) {
  TestBuild t;
  t.write("a", "1");
  t.build("FROM nowhere AS unused\nRUN x\nFROM scratch\nCOPY a /\n");
  t.images.resolved.with([](auto& names) { EXPECT_THAT(names, IsEmpty()); });
}

TEST(Build, CopyFromAStageTakesTheFilesAndTheirOwners) {
  TestBuild t;
  t.write("a", "1");
  auto result = t.build("FROM scratch AS s\nCOPY --chown=5:6 a /d/a\nFROM scratch\nCOPY --from=s /d /e\n");
  EXPECT_EQ(t.read(result, "/e/a"), "1");
  EXPECT_EQ(t.tree(result).find(RootedPath::clean("/e/a")).value().meta.uid, 5u);
  EXPECT_EQ(result.layers.size(), 1u);
}

TEST(Build, LinkDoesNotLookBelowAndIsCachedAcrossParents) {
  TestBuild t;
  t.write("a", "1");
  t.images.add("one", t.make_base(TreeBuilder().dir("/d", 01777)));
  t.images.add("two", t.make_base(TreeBuilder().symlink("/d", "/etc")));
  auto first = t.build("FROM one\nCOPY --link a /d/\n");
  auto second = t.build("FROM two\nCOPY --link a /d/\n");
  EXPECT_EQ(second.steps_cached, 1u);
  EXPECT_EQ(first.layers[1], second.layers[1]);
}

/// The build fails at that line, and says so with these words.
void expect_failure(TestBuild& t, const std::string& dockerfile, std::size_t line, const char* words) {
  try {
    t.build(dockerfile);
    FAIL() << "it was built";
  } catch (const DockerfileError& e) {
    EXPECT_EQ(e.locations().at(0).lines.first, line);
    EXPECT_THAT(e.what(), HasSubstr(words));
  }
}

TEST(Build, UnknownOwnerIsAnErrorWithItsLine) {
  TestBuild t;
  t.write("a", "1");
  t.images.add("base", t.make_base(TreeBuilder().file("/etc/passwd", "app:x:7:8::/:\n")));
  auto known = t.build("FROM base\nCOPY --chown=app a /\n");
  EXPECT_EQ(t.tree(known).find(RootedPath::clean("/a")).value().meta.gid, 8u);
  expect_failure(t, "FROM base\nCOPY --chown=nope a /\n", 2, "nope");
}

TEST(Build, MissingSourceNamesItAndItsLine) {
  TestBuild t;
  expect_failure(t, "FROM scratch\nCOPY nope /\n", 2, "\"/nope\": not found");
}

TEST(Build, LinksOutOfTheContextAreNotFollowedOut) {
  TestBuild t;
  t.write("shadow", "mine");
  t.context().make_symlink("/etc/shadow", "etc");
  t.context().make_symlink("../../../../shadow", "up");
  EXPECT_THROW(t.build("FROM scratch\nCOPY etc /\n"), Error);
  auto result = t.build("FROM scratch\nCOPY up /x\n");
  EXPECT_EQ(t.read(result, "/x"), "mine") << "the top of the context is the top of the world";
}

TEST(Build, HeredocsBecomeFiles) {
  TestBuild t;
  auto result = t.build("FROM scratch\nENV who=world\nCOPY <<hello.txt /d/\nhello $who\nhello.txt\n");
  EXPECT_EQ(t.read(result, "/d/hello.txt"), "hello world\n");
}

TEST(Build, DownloadIsAskedForAgainAndReused) {
  TestBuild t;
  t.files.files["http://x/dir/f%20g"] = {.content = "data", .etag = "1", .mtime_seconds = 7};
  auto first = t.build("FROM scratch\nADD http://x/dir/f%20g /d/\n");
  auto node = t.tree(first).find(RootedPath::clean("/d/f g")).value();
  EXPECT_EQ(node.meta.mode, 0600u);
  EXPECT_EQ(node.meta.mtime, 7 * kNanosecondsPerSecond);
  EXPECT_EQ(t.build("FROM scratch\nADD http://x/dir/f%20g /d/\n").steps_cached, 1u);
  EXPECT_EQ(t.files.downloads, 1);
  t.files.files["http://x/dir/f%20g"] = {.content = "other", .etag = "2"};
  EXPECT_EQ(t.read(t.build("FROM scratch\nADD http://x/dir/f%20g /d/\n"), "/d/f g"), "other");
}

TEST(Build, OrderOfDownloadsAndFilesCountsForTheCache) {
  TestBuild t;
  t.files.files["http://x/f"] = {.content = "remote", .etag = "1", .mtime_seconds = 7};
  t.write("f", "local");
  EXPECT_EQ(t.read(t.build("FROM scratch\nADD http://x/f f /d/\n"), "/d/f"), "local");
  EXPECT_EQ(t.read(t.build("FROM scratch\nADD f http://x/f /d/\n"), "/d/f"), "remote");
}

TEST(Build, LinkIsIgnoredWithChmod) {
  TestBuild t;
  t.write("f", "1");
  t.images.add("base", t.make_base(TreeBuilder().dir("/etc", 0755)));
  auto result = t.build("FROM base\nCOPY --link --chmod=600 f /etc/f\n");
  EXPECT_EQ(t.tree(result).find(RootedPath::clean("/etc")).value().meta.mode, 0755u);
  EXPECT_EQ(t.tree(result).find(RootedPath::clean("/etc/f")).value().meta.mode, 0600u);
}

TEST(Build, DownloadWithTheWrongChecksumIsRefused) {
  TestBuild t;
  t.files.files["http://x/f"] = {.content = "data"};
  std::string right = Digest::of("data").str(), wrong = Digest::of("other").str();
  t.build("FROM scratch\nADD --checksum=" + right + " http://x/f /\n");
  EXPECT_THROW(t.build("FROM scratch\nADD --checksum=" + wrong + " http://x/f /\n"), Error);
  t.write("a", "1");
  EXPECT_THROW(t.build("FROM scratch\nADD --checksum=" + right + " a /\n"), Error);
}

TEST(Build, EpochMakesTheSameBytesInAnyStore) {
  auto digest = [](Nanoseconds now, unsigned jobs) {
    TestBuild t;
    t.now = now;
    t.write("a", "1");
    t.write("b/c", "2");
    auto request =
        t.request("FROM scratch AS one\nCOPY a /new/\nFROM scratch\nWORKDIR /w\nCOPY --from=one / .\nCOPY b b\n");
    request.build_args["SOURCE_DATE_EPOCH"] = "1500000000";
    request.jobs = jobs;
    return t.run(request).manifest.digest.str();
  };
  EXPECT_EQ(digest(1'700'000'000'000'000'000, 1), digest(1'800'000'000'000'000'000, 4));
}

TEST(Build, NamedContextStandsForAStage) {
  TestBuild t;
  TempDir other;
  other.dir().replace_file("f", "from the context", 0644);
  auto request = t.request("FROM nowhere AS dep\nRUN x\nFROM scratch\nCOPY --from=dep f /\nCOPY --from=more f /g\n");
  request.named_contexts.emplace("dep", FolderContext{other.dir(), other.path().string(), {}});
  request.named_contexts.emplace("more", FolderContext{other.dir(), other.path().string(), {}});
  auto result = t.run(request);
  EXPECT_EQ(t.read(result, "/f"), "from the context");
  EXPECT_EQ(t.read(result, "/g"), "from the context");
}

TEST(Build, LabelsAndAnnotationsOfTheCommandLineComeLast) {
  TestBuild t;
  auto request = t.request("FROM scratch\nLABEL a=1 b=2\n");
  request.labels["a"] = "9";
  auto result = t.run(request);
  EXPECT_EQ(result.config.config.labels.at("a"), "9");
  EXPECT_EQ(result.config.config.labels.at("b"), "2");
}

TEST(Build, NoCacheRunsAgain) {
  TestBuild t;
  t.write("a", "1");
  std::string dockerfile = "FROM scratch AS x\nCOPY a /\nFROM x AS y\nCOPY a /b\n";
  t.build(dockerfile);
  auto request = t.request(dockerfile);
  request.no_cache_stages = {"y"};
  EXPECT_EQ(t.run(request).steps_cached, 1u);
  request.no_cache = true;
  EXPECT_EQ(t.run(request).steps_run, 2u);
}

TEST(Build, WarningsReachTheUserAndTheResult) {
  TestBuild t;
  auto request = t.request("FROM scratch\nARG VERSION\n");
  request.build_args["VERSOIN"] = "1";
  auto result = t.run(request);
  EXPECT_THAT(result.warnings, ElementsAre(HasSubstr("did you mean VERSION?")));
  EXPECT_EQ(t.progress->warnings(), result.warnings);
}

TEST(Build, UnknownImageSuggestsANearName) {
  TestBuild t;
  try {
    t.build("FROM bsybox\n");
    FAIL();
  } catch (const DockerfileError& e) {
    EXPECT_EQ(e.hint(), "did you mean busybox?");
    EXPECT_EQ(e.locations().at(0).lines.first, 1u);
  }
}

TEST(Build, SpecialFilesOfTheContextNeverBlock) {
  TestBuild t;
  t.context().make_node("pipe", FileType::fifo, 0644, 0);
  auto result = t.build("FROM scratch\nCOPY . /\n");
  EXPECT_EQ(t.tree(result).find(RootedPath::clean("/pipe")).value().meta.type, FileType::fifo);
}

}  // namespace
}  // namespace imgb
