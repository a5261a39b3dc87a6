#include "builder/copy_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

using ::testing::ElementsAre;

constexpr FileTime kNow = 1'700'000'000'000'000'000;

/// COPY of what `source` matches in one tree onto another.
struct Case {
  TreeBuilder base, files;
  PlaceOptions options{.owner = {}, .mode = {}, .now = kNow};
  std::vector<std::string> sources;
  SelectOptions select;

  CopyPlan plan(std::string_view destination, std::string_view workdir = "/") {
    tree = std::make_unique<LayerCopyTree>(TreeView().with(files.toc()));
    CopyPlanner planner(TreeView().with(base.toc()), options);
    items.clear();
    for (const std::string& source : sources) {
      for (auto& item : select_source(*tree, source, select, {})) items.push_back(std::move(item));
    }
    for (const CopyItem& item : items) {
      planner.place(item, 0, parse_destination(destination, RootedPath::clean(workdir)));
    }
    return planner.take();
  }
  std::unique_ptr<LayerCopyTree> tree;
  std::vector<CopyItem> items;
};

std::vector<std::string> paths(const CopyPlan& plan) {
  std::vector<std::string> out;
  for (const auto& [path, entry] : plan) out.push_back(path.str());
  return out;
}
const PlannedEntry& at(const CopyPlan& plan, std::string_view path) { return plan.at(RootedPath::clean(path)); }

TEST(CopyPlan, FileToFolderKeepsItsName) {
  Case c{.files = TreeBuilder().file("/a.txt", "x"), .sources = {"a.txt"}};
  EXPECT_THAT(paths(c.plan("d/")), ElementsAre("/d", "/d/a.txt"));
}

TEST(CopyPlan, FileToNewNameIsThatFile) {
  Case c{.files = TreeBuilder().file("/a.txt", "x"), .sources = {"a.txt"}};
  EXPECT_THAT(paths(c.plan("d/b")), ElementsAre("/d", "/d/b"));
}

TEST(CopyPlan, FileToExistingFolderWithoutSlashGoesInside) {
  Case c{.base = TreeBuilder().dir("/opt", 0700), .files = TreeBuilder().file("/a", "x"), .sources = {"a"}};
  EXPECT_THAT(paths(c.plan("/opt")), ElementsAre("/opt/a"));
}

TEST(CopyPlan, RelativeDestinationIsBelowWorkdir) {
  Case c{.base = TreeBuilder().dir("/app"), .files = TreeBuilder().file("/a", "x"), .sources = {"a"}};
  EXPECT_THAT(paths(c.plan(".", "/app")), ElementsAre("/app/a"));
}

TEST(CopyPlan, MissingParentsAreRootsAndNew) {
  Case c{.files = TreeBuilder().file("/a", "x").owner(7, 8), .sources = {"a"}};
  auto plan = c.plan("/x/y/a");
  EXPECT_THAT(paths(plan), ElementsAre("/x", "/x/y", "/x/y/a"));
  EXPECT_EQ(at(plan, "/x").meta.mode, 0755u);
  EXPECT_EQ(at(plan, "/x").meta.uid, 0u);
  EXPECT_EQ(at(plan, "/x").meta.mtime, kNow);
  EXPECT_EQ(at(plan, "/x/y/a").meta.uid, 7u);
}

TEST(CopyPlan, FolderContentIsMergedWithoutTheFolder) {
  Case c{.base = TreeBuilder().dir("/d", 0711).owner(5, 5),
         .files = TreeBuilder().dir("/src", 0700).mtime(9'000'000'000).dir("/src/sub", 0750).file("/src/sub/f", "x"),
         .sources = {"src"}};
  auto plan = c.plan("/d");
  EXPECT_THAT(paths(plan), ElementsAre("/d", "/d/sub", "/d/sub/f"));
  EXPECT_EQ(at(plan, "/d").meta.mode, 0711u) << "an existing destination keeps its mode";
  EXPECT_EQ(at(plan, "/d").meta.uid, 5u);
  EXPECT_EQ(at(plan, "/d").meta.mtime, 9'000'000'000) << "and takes the source's time";
  EXPECT_EQ(at(plan, "/d/sub").meta.mode, 0750u);
}

TEST(CopyPlan, NewTopFolderDoesNotCopyTheSourcesMode) {
  Case c{.files = TreeBuilder().dir("/src", 0700).owner(3, 3).file("/src/f", "x"), .sources = {"src/"}};
  auto plan = c.plan("/new");
  EXPECT_EQ(at(plan, "/new").meta.mode, 0755u);
  EXPECT_EQ(at(plan, "/new").meta.uid, 0u);
}

TEST(CopyPlan, NestedExistingFolderTakesTheSourcesMetadata) {
  Case c{.base = TreeBuilder().dir("/d").dir("/d/sub", 0755),
         .files = TreeBuilder().dir("/src").dir("/src/sub", 0700).owner(4, 4),
         .sources = {"src"}};
  auto plan = c.plan("/d/");
  EXPECT_EQ(at(plan, "/d/sub").meta.mode, 0700u);
  EXPECT_EQ(at(plan, "/d/sub").meta.uid, 4u);
}

TEST(CopyPlan, SymlinksInTheDestinationAreFollowedInsideTheRoot) {
  Case c{.base = TreeBuilder().dir("/real").symlink("/link", "../../real").symlink("/file", "/real/target"),
         .files = TreeBuilder().file("/a", "x"),
         .sources = {"a"}};
  EXPECT_THAT(paths(c.plan("/link/")), ElementsAre("/real/a"));
  EXPECT_THAT(paths(c.plan("/file")), ElementsAre("/real/target"));
}

TEST(CopyPlan, EntriesInsideACopiedTreeReplaceSymlinks) {
  Case c{.base = TreeBuilder().dir("/d").symlink("/d/f", "/etc/passwd"),
         .files = TreeBuilder().dir("/src").file("/src/f", "x"),
         .sources = {"src"}};
  auto plan = c.plan("/d");
  EXPECT_EQ(at(plan, "/d/f").meta.type, FileType::regular);
  EXPECT_FALSE(plan.contains(RootedPath::clean("/etc/passwd")));
}

void expect_error(Case& c, std::string_view destination, std::string_view message) {
  try {
    c.plan(destination);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_THAT(std::string(e.what()), ::testing::HasSubstr(std::string(message)));
  }
}

TEST(CopyPlan, ConflictsAreRefused) {
  Case dir_over_file{
      .base = TreeBuilder().file("/f", "x"), .files = TreeBuilder().dir("/s").file("/s/a", "x"), .sources = {"s"}};
  expect_error(dir_over_file, "/f", "cannot copy to non-directory: /f");
  Case file_over_dir{
      .base = TreeBuilder().dir("/d").dir("/d/a"), .files = TreeBuilder().file("/a", "x"), .sources = {"a"}};
  expect_error(file_over_dir, "/d/", "cannot replace to directory /d/a with file");
  Case nested{.base = TreeBuilder().dir("/d").symlink("/d/lib", "usr/lib"),
              .files = TreeBuilder().dir("/s").dir("/s/lib"),
              .sources = {"s"}};
  expect_error(nested, "/d", "cannot copy to non-directory: /d/lib");
}

TEST(CopyPlan, ChownAndChmodApplyToAllButSymlinkModes) {
  Case c{.files = TreeBuilder().dir("/s").dir("/s/d", 0700).file("/s/d/f", "x", 0600).symlink("/s/l", "f"),
         .sources = {"s"}};
  c.options.owner = {10, 20};
  c.options.mode = ModeChange::parse("0751");
  auto plan = c.plan("/new/");
  EXPECT_EQ(at(plan, "/new").meta.mode, 0751u);
  EXPECT_EQ(at(plan, "/new").meta.gid, 20u);
  EXPECT_EQ(at(plan, "/new/d").meta.mode, 0751u);
  EXPECT_EQ(at(plan, "/new/d/f").meta.mode, 0751u);
  EXPECT_EQ(at(plan, "/new/l").meta.uid, 10u);
  EXPECT_NE(at(plan, "/new/l").meta.mode, 0751u);
}

TEST(CopyPlan, HardLinksWithinOneCopyAreKept) {
  Case c{.files = TreeBuilder().dir("/s").file("/s/b", "x").hard_link("/s/c", "/s/b").dir("/s/a"), .sources = {"s"}};
  auto plan = c.plan("/d");
  EXPECT_EQ(at(plan, "/d/b").kind, TocEntry::Kind::file);
  EXPECT_EQ(at(plan, "/d/c").kind, TocEntry::Kind::hard_link);
  EXPECT_EQ(at(plan, "/d/c").link_to.str(), "/d/b");
}

TEST(CopyPlan, LaterSourcesReplaceEarlierOnes) {
  Case c{.files = TreeBuilder().dir("/a").file("/a/f", "1").dir("/b").file("/b/f", "22"), .sources = {"a", "b"}};
  EXPECT_EQ(at(c.plan("/d"), "/d/f").meta.size_bytes, 2u);
}

TEST(CopyPlan, ParentsKeepThePathAndItsFolders) {
  Case c{.files = TreeBuilder().dir("/x", 0700).dir("/x/y").file("/x/y/f", "1").file("/x/z", "2"),
         .sources = {"x/y/f"}};
  c.select.parents = true;
  auto plan = c.plan("/d/");
  EXPECT_THAT(paths(plan), ElementsAre("/d", "/d/x", "/d/x/y", "/d/x/y/f"));
  EXPECT_EQ(at(plan, "/d/x").meta.mode, 0700u);
}

TEST(CopyPlan, ParentsPivotDropsThePrefix) {
  Case c{.files = TreeBuilder().dir("/x").dir("/x/y").file("/x/y/f", "1"), .sources = {"./x/./y/f"}};
  c.select.parents = true;
  EXPECT_THAT(paths(c.plan("/d/")), ElementsAre("/d", "/d/y", "/d/y/f"));
}

TEST(CopyPlan, ArchiveReplacesLinksAndStaysInside) {
  CopyPlanner planner(
      TreeView().with(TreeBuilder().symlink("/opt", "usr").dir("/usr").symlink("/usr/out", "/etc").toc()),
      {.owner = {}, .mode = ModeChange::parse("0700"), .now = kNow});
  auto archive = TreeBuilder().file("/a/f", "x", 0640).dir("/out").file("/out/g", "y").toc();
  planner.place_archive(*archive, 1, parse_destination("/opt", RootedPath()));
  auto plan = planner.take();
  EXPECT_THAT(paths(plan), ElementsAre("/usr/a", "/usr/a/f", "/usr/out", "/usr/out/g"));
  EXPECT_EQ(at(plan, "/usr/a/f").meta.mode, 0640u) << "--chmod is not for extracted files";
  EXPECT_EQ(at(plan, "/usr/out").meta.type, FileType::directory);
}

/// ADD of archives, one after the other.
CopyPlan extract_all(const TreeBuilder& base, std::vector<std::shared_ptr<const Toc>> archives,
                     const PlaceOptions& options = {}) {
  CopyPlanner planner(TreeView().with(base.toc()), options);
  for (std::size_t i = 0; i < archives.size(); ++i) {
    planner.place_archive(*archives[i], i + 1, parse_destination("/d/", RootedPath()));
  }
  return planner.take();
}

TEST(CopyPlan, ArchiveLinkWhoseNameComesFirstCarriesTheBytes) {
  auto plan = extract_all({}, {TreeBuilder().file("/z", "x").hard_link("/a", "/z").hard_link("/m", "/z").toc()});
  EXPECT_EQ(at(plan, "/d/a").kind, TocEntry::Kind::file);
  EXPECT_TRUE(at(plan, "/d/a").archive_offset);
  for (const char* name : {"/d/m", "/d/z"}) {
    EXPECT_EQ(at(plan, name).kind, TocEntry::Kind::hard_link) << name;
    EXPECT_EQ(at(plan, name).link_to.str(), "/d/a") << name;
  }
}

TEST(CopyPlan, WhatReplacesOneNameLeavesTheOtherNamesAlone) {
  auto links = TreeBuilder().file("/x", "old").hard_link("/y", "/x").hard_link("/z", "/x").toc();
  auto plan = extract_all({}, {links, TreeBuilder().file("/x", "newer").toc()});
  EXPECT_EQ(at(plan, "/d/x").input, 2u);
  EXPECT_EQ(at(plan, "/d/y").kind, TocEntry::Kind::file);
  EXPECT_EQ(at(plan, "/d/y").input, 1u);
  EXPECT_EQ(at(plan, "/d/y").meta.size_bytes, 3u);
  EXPECT_EQ(at(plan, "/d/z").link_to.str(), "/d/y");
}

TEST(CopyPlan, ArchiveLinkMayNameWhatWasThereBefore) {
  auto link = TreeBuilder().hard_link("/a", "/x").toc();
  auto plan = extract_all({}, {TreeBuilder().file("/x", "x").toc(), link});
  EXPECT_EQ(at(plan, "/d/a").input, 1u);
  EXPECT_EQ(at(plan, "/d/x").link_to.str(), "/d/a");
  plan = extract_all(TreeBuilder().file("/d/x", "below", 0600), {link});
  EXPECT_EQ(at(plan, "/d/a").link_to.str(), "/d/x");
  EXPECT_EQ(at(plan, "/d/a").meta.mode, 0600u);
  EXPECT_THROW(extract_all({}, {link}), Error) << "no such file";
}

TEST(CopyPlan, ArchiveFileReplacesAFolderWithLinksInIt) {
  Case c{.files = TreeBuilder().dir("/A").dir("/A/sub").file("/A/sub/x", "x").hard_link("/A/sub/y", "/A/sub/x"),
         .sources = {"A"}};
  c.plan("/d/");
  CopyPlanner planner(TreeView(), {});
  planner.place(c.items[0], 0, parse_destination("/d/", RootedPath()));
  planner.place_archive(*TreeBuilder().file("/sub", "file").toc(), 1, parse_destination("/d/", RootedPath()));
  EXPECT_THAT(paths(planner.take()), ElementsAre("/d", "/d/sub"));
}

TEST(CopyPlan, LinkNamesFoldersAboveItsDestinationAsMostAre) {
  Case c{.files = TreeBuilder().file("/f", "x"), .sources = {"f"}};
  c.options.owner = {4, 5};
  c.options.link = true;
  auto plan = c.plan("/usr/local/x");
  for (const char* folder : {"/usr", "/usr/local"}) EXPECT_EQ(at(plan, folder).meta.uid, 0u) << folder;
  EXPECT_EQ(at(plan, "/usr/local/x").meta.uid, 4u);
  plan = c.plan("/srv/app/");
  EXPECT_EQ(at(plan, "/srv").meta.uid, 0u);
  EXPECT_EQ(at(plan, "/srv/app").meta.uid, 4u) << "the destination itself is what --chown is about";
}

TEST(CopyPlan, NamesThatNoFileSystemHoldsAreRefused) {
  Case c{.files = TreeBuilder().file("/f", "x"), .sources = {"f"}};
  c.plan("/" + std::string(255, 'x') + "/");
  expect_error(c, "/" + std::string(256, 'x') + "/", "file name too long");
  expect_error(c, "/d/" + std::string(256, 'x'), "file name too long");
}

TEST(CopyPlan, WorkdirMakesOnlyWhatIsMissing) {
  CopyPlanner planner(TreeView().with(TreeBuilder().dir("/srv", 0700).toc()),
                      {.owner = {{33, 33}}, .mode = {}, .now = kNow});
  planner.place_folder(RootedPath::clean("/srv/a/b"));
  auto plan = planner.take();
  EXPECT_THAT(paths(plan), ElementsAre("/srv/a", "/srv/a/b"));
  EXPECT_EQ(at(plan, "/srv/a").meta.uid, 33u);
}

TEST(CopyPlan, SocketsBecomeEmptyFiles) {
  CopyItem item{"s", RootedPath::clean("/s"), {}, false};
  item.nodes.emplace_back();
  item.nodes[0].path = item.root;
  item.nodes[0].meta.type = FileType::socket;
  CopyPlanner planner(TreeView(), {});
  planner.place(item, 0, parse_destination("/s", RootedPath()));
  EXPECT_EQ(at(planner.take(), "/s").meta.type, FileType::regular);
}

}  // namespace
}  // namespace imgb
