#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_build.h"

namespace imgb {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;

const std::string kUrl = "https://files.example/x";
const std::string kDockerfile =
    "FROM base AS one\nADD https://files.example/x /x\nFROM base\nCOPY --from=tools / /\n"
    "COPY --from=one /x /x\n";

struct Locks : ::testing::Test {
  TestBuild t;
  BaseImage base = t.make_base(TreeBuilder().file("/base", "1"));
  void SetUp() override {
    t.images.add("base", base);
    t.images.add("tools", t.make_base(TreeBuilder().file("/tool", "1")));
    t.files.files[kUrl] = {"content", "", 1'600'000'000};
  }
  BuildRequest locked(const std::string& dockerfile, BuildLock lock) {
    BuildRequest request = t.request(dockerfile);
    request.lock = std::move(lock);
    return request;
  }
  std::string error_of(const BuildRequest& request) {
    try {
      t.run(request);
    } catch (const Error& e) {
      return std::string(e.what()) + "\n" + e.hint();
    }
    return "no error";
  }
};

TEST_F(Locks, SayWhatTheBuildUsed) {
  BuildLock used = t.build(kDockerfile).used;
  ASSERT_EQ(used.images.size(), 2u);
  for (const BuildLock::Image& image : used.images) EXPECT_TRUE(image.image.digest());
  ASSERT_EQ(used.urls.size(), 1u);
  EXPECT_EQ(used.urls[0], (BuildLock::Url{kUrl, Digest::of("content"), 7, 1'600'000'000}));
}

TEST_F(Locks, ALockedBuildTakesTheDigestAndNotTheTag) {
  BuildResult first = t.build(kDockerfile);
  t.images.add("base:old", base);
  t.images.add("base", t.make_base(TreeBuilder().file("/base", "2")));
  t.images.resolved.with([](auto& names) { names.clear(); });
  BuildResult again = t.run(locked(kDockerfile, first.used));
  EXPECT_EQ(again.layers, first.layers);
  t.images.resolved.with([](auto& names) { EXPECT_THAT(names, Each(HasSubstr("@sha256:"))); });
}

TEST_F(Locks, AllThatIsNotInTheLockIsNamedBeforeAnythingRuns) {
  BuildLock used = t.build(kDockerfile).used;
  std::string more = kDockerfile + "COPY --from=other / /\nADD https://files.example/y /\nRUN never\n";
  int downloads = t.files.downloads;
  EXPECT_THAT(error_of(locked(more, used)), AllOf(HasSubstr("image other:latest"), HasSubstr("https://files.example/y"),
                                                  HasSubstr("--lock imgb.lock")));
  EXPECT_EQ(t.files.downloads, downloads);
}

TEST_F(Locks, AUrlThatHasChangedIsRefused) {
  BuildLock used = t.build(kDockerfile).used;
  t.files.files[kUrl].content = "changed";
  EXPECT_EQ(t.run(locked(kDockerfile, used)).steps_run, 0u) << "what is here is not asked for";
  used.urls[0].digest = Digest::of("never seen");
  EXPECT_THAT(error_of(locked(kDockerfile, used)), HasSubstr("imgb.lock says " + Digest::of("never seen").str()));
}

TEST_F(Locks, AUrlWithAVariableIsCheckedWhenItIsReached) {
  BuildLock used = t.build(kDockerfile).used;
  std::string dockerfile = "FROM base\nARG V=y\nADD https://files.example/$V /\n";
  EXPECT_THAT(error_of(locked(dockerfile, used)), HasSubstr("https://files.example/y is not in imgb.lock"));
}

TEST_F(Locks, AnOfflineBuildNamesAllThatIsNotHere) {
  BuildRequest request = t.request("FROM nowhere\nADD https://files.example/z /\nCOPY --from=neither / /\n");
  request.offline = true;
  EXPECT_THAT(error_of(request), AllOf(HasSubstr("image nowhere:latest"), HasSubstr("https://files.example/z"),
                                       HasSubstr("image neither:latest"), HasSubstr("imgb mirror create")));
}

TEST_F(Locks, AnOfflineBuildAsksForNothingThatIsHere) {
  BuildResult first = t.build(kDockerfile);
  t.files.files.clear();
  BuildRequest request = t.request(kDockerfile);
  request.offline = true;
  EXPECT_EQ(t.run(request).layers, first.layers);
}

}  // namespace
}  // namespace imgb
