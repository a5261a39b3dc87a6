#include "core/base/link_walk.h"

#include <gtest/gtest.h>

#include <map>

#include "core/base/error.h"

namespace imgb {
namespace {

using Links = std::map<std::string, std::string>;

std::string resolve(const Links& links, std::string_view path) {
  return resolve_links(RootedPath::clean(path),
                       [&](const RootedPath& at) {
                         auto link = links.find(at.str());
                         return link == links.end() ? std::nullopt : std::optional(link->second);
                       })
      .str();
}

TEST(LinkWalk, LinksLeadOnInsideTheRoot) {
  Links links{{"/bin", "usr/bin"},        {"/usr/bin/sh", "dash"}, {"/abs", "/usr"},      {"/out", "../../../etc"},
              {"/d/e", "../x/./y//../z"}, {"/self", "."},          {"/rootlink", "/"},    {"/twice", "abs/bin"},
              {"/x/z", "/d/e/../w"},      {"/trail", "usr/bin/"},  {"/up", "/usr/bin/.."}};
  for (auto [path, want] : std::map<std::string, std::string>{{"/", "/"},
                                                              {"/plain/missing", "/plain/missing"},
                                                              {"/bin/ls", "/usr/bin/ls"},
                                                              {"/bin/sh", "/usr/bin/dash"},
                                                              {"/abs/lib", "/usr/lib"},
                                                              {"/out/passwd", "/etc/passwd"},
                                                              {"/self/self/a", "/a"},
                                                              {"/rootlink/b", "/b"},
                                                              {"/twice", "/usr/bin"},
                                                              {"/trail", "/usr/bin"},
                                                              {"/up/c", "/usr/c"}}) {
    EXPECT_EQ(resolve(links, path), want) << path;
  }
}

TEST(LinkWalk, TheLastLinkIsFollowedToo) { EXPECT_EQ(resolve({{"/a", "b"}, {"/b", "c"}}, "/a"), "/c"); }

TEST(LinkWalk, ALoopIsAnErrorThatNamesThePath) {
  for (const Links& links : {Links{{"/a", "a"}}, Links{{"/a", "b"}, {"/b", "/a"}}, Links{{"/a", "a/a"}}}) {
    try {
      resolve(links, "/a");
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_EQ(std::string(e.what()).find("/a: too many levels"), 0u) << e.what();
    }
  }
}

TEST(LinkWalk, FortyLinksAreNoLoop) {
  Links links;
  for (int i = 0; i < LinkWalk::kMaxLinks; ++i) links["/l" + std::to_string(i)] = "l" + std::to_string(i + 1);
  EXPECT_EQ(resolve(links, "/l0"), "/l" + std::to_string(LinkWalk::kMaxLinks));
  links["/l" + std::to_string(LinkWalk::kMaxLinks)] = "end";
  EXPECT_THROW(resolve(links, "/l0"), Error);
}

TEST(LinkWalk, KnowsWhetherAnythingIsStillToCome) {
  LinkWalk walk("a/b/.//", "x");
  EXPECT_EQ(walk.next(), "a");
  EXPECT_FALSE(walk.at_end());
  EXPECT_EQ(walk.next(), "b");
  EXPECT_TRUE(walk.at_end());
  EXPECT_FALSE(walk.follow("c/.."));
  EXPECT_EQ(walk.next(), "c");
  EXPECT_EQ(walk.next(), "..");
  EXPECT_FALSE(walk.next());
}

}  // namespace
}  // namespace imgb
