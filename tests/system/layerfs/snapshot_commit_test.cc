// What a step leaves in its upper folder becomes a layer.
#include <sys/xattr.h>

#include "tests/system/layerfs/snapshots.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(SnapshotTest, AStepsChangesBecomeALayer) {
  Layer base = layer(TreeBuilder()
                         .dir("/etc")
                         .file("/etc/keep", "k")
                         .file("/etc/gone", "g")
                         .dir("/old")
                         .file("/old/x", "")
                         .dir("/swap")
                         .file("/swap/a", ""));
  Layer made = run({base}, [](Overlay& root) {
    write(root.path("/etc/new"), "n");
    ::unlink(root.path("/etc/gone").c_str());
    std::filesystem::remove_all(root.path("/swap"));
    ::mkdir(root.path("/swap").c_str(), 0700);
    write(root.path("/swap/b"), "b");
    std::filesystem::remove_all(root.path("/old"));
    ::mkdir(root.path("/fresh").c_str(), 0755);
    ::link(root.path("/etc/new").c_str(), root.path("/fresh/link").c_str());
  });
  EXPECT_THAT(entries(made), ElementsAre("/etc", "-/etc/gone", "/etc/new", "/fresh", "/fresh/link -> /etc/new", "-/old",
                                         "/swap", "-/swap/a", "/swap/b"));
  // What was adopted and what the layer unpacks to are the same tree.
  std::vector<std::string> adopted = tree_of({base, made});
  snapshots.take_out(CollectionLock(store.root()), names_of(snapshots.list()));
  EXPECT_EQ(tree_of({base, made}), adopted);
}

TEST_F(SnapshotTest, AStepThatChangesNothingIsAnEmptyLayer) {
  Layer base = layer(TreeBuilder().dir("/etc").file("/etc/f", "x"));
  EXPECT_THAT(entries(run({base}, [](Overlay&) {})), IsEmpty());
  // A whiteout in a folder that is new, a file made and removed again:
  EXPECT_THAT(entries(run({base},
                          [](Overlay& root) {
                            write(root.path("/t"), "");
                            ::unlink(root.path("/t").c_str());
                          })),
              IsEmpty());
}

TEST_F(SnapshotTest, NothingOfOverlayfsOrTheHostGetsIntoALayer) {
  Layer base = layer(TreeBuilder().dir("/etc").file("/etc/f", "x").xattr("user.mine", "1"));
  Layer made = run({base}, [](Overlay& root) {
    ::chmod(root.path("/etc/f").c_str(), 0600);  // copied up: origin attributes
    ::setxattr(root.path("/etc/f").c_str(), "security.selinux", "x", 1, 0);
    ::mknod(root.path("/sock").c_str(), S_IFSOCK | 0600, 0);
  });
  auto toc = toc_of(store, made, {});
  EXPECT_EQ((*toc)[*toc->find("/etc/f", TocEntry::Kind::file)].meta.xattrs, (Xattrs{{"user.mine", "1"}}));
  EXPECT_FALSE(toc->find("/sock", TocEntry::Kind::file));
}

TEST_F(SnapshotTest, MountStubsLeaveNoTrace) {
  Layer base = layer(TreeBuilder().dir("/etc").mtime(5'000'000'000).file("/etc/f", "x"));
  auto stub = [](Overlay& root) {
    write(root.path("/etc/resolv.conf"), "");
    ::mkdir(root.path("/run").c_str(), 0755);
    ::mkdir(root.path("/run/secrets").c_str(), 0755);
    write(root.path("/run/secrets/s"), "");
  };
  SnapshotStore::CommitOptions options;
  for (const char* path : {"/etc/resolv.conf", "/run/secrets/s", "/not/there", "/"})
    options.leave_out.push_back(RootedPath::clean(path));
  EXPECT_THAT(entries(run({base}, stub, options)), IsEmpty());
  // Beside a real change the folder keeps the time that the stub took from it.
  Layer made = run(
      {base},
      [&](Overlay& root) {
        stub(root);
        write(root.path("/etc/f"), "changed");
      },
      options);
  EXPECT_THAT(entries(made), ElementsAre("/etc", "/etc/f"));
  EXPECT_EQ((*toc_of(store, made, {}))[0].meta.mtime, 5'000'000'000);
}

TEST_F(SnapshotTest, WhatAStepPutsIntoAMountStubStays) {
  Layer base = layer(TreeBuilder().dir("/d"));
  SnapshotStore::CommitOptions options;
  for (const char* path : {"/etc", "/etc/hosts", "/d/link"}) options.leave_out.push_back(RootedPath::clean(path));
  Layer made = run(
      {base},
      [](Overlay& root) {
        ::mkdir(root.path("/etc").c_str(), 0755);
        write(root.path("/etc/hosts"), "");
        write(root.path("/etc/passwd"), "root:x:0:0::/:/bin/sh\n");
        ::symlink("elsewhere", root.path("/d/link").c_str());
      },
      options);
  EXPECT_THAT(entries(made), ElementsAre("/d", "/d/link", "/etc", "/etc/passwd"));
}

TEST_F(SnapshotTest, V32AStubWhoseParentBecameALinkIsNotFollowed) {
  TempDir canary;
  write((canary.path() / "victim").string(), "alive");
  Layer base = layer(TreeBuilder().dir("/d"));
  SnapshotStore::CommitOptions options;
  options.leave_out.push_back(RootedPath::clean("/d/victim"));
  Layer made = run(
      {base},
      [&](Overlay& root) {
        ::rmdir(root.path("/d").c_str());
        ::symlink(canary.path().c_str(), root.path("/d").c_str());
      },
      options);
  EXPECT_THAT(entries(made), ElementsAre("/d"));
  EXPECT_TRUE(std::filesystem::exists(canary.path() / "victim"));
}

TEST_F(SnapshotTest, V91AHostileTreeIsReadWithoutFollowingAnything) {
  Layer base = layer(TreeBuilder().dir("/etc"));
  Layer made = run(
      {base},
      [&](Overlay& root) {
        ::symlink("/etc/shadow", root.path("/etc/link").c_str());
        ::symlink("/", root.path("/rootlink").c_str());
        write(root.path("/" + std::string(255, 'n')), "long");
        write(root.path("/new\nline"), "");
        write(root.path("/x"), "");
        std::string big(60'000, 'v');
        ::setxattr(root.path("/x").c_str(), "user.big", big.data(), 3000, 0);
        Dir at = root.dir();
        for (int depth = 0; depth < 2000; ++depth) {
          at.make_dir("d", 0755);
          at = Dir(at.open_file("d", O_RDONLY | O_DIRECTORY), "deep");
        }
      },
      {}, false);
  auto toc = toc_of(store, made, {});
  EXPECT_EQ(toc->size(), 2000u + 6u);
  EXPECT_EQ((*toc)[*toc->find("/etc/link", TocEntry::Kind::file)].meta.link_target, "/etc/shadow");
}

TEST_F(SnapshotTest, ATreeWithPathsThatNoToolTakesIsRefused) {
  auto scratch = snapshots.make_scratch({});
  Dir at = snapshots.folder().open_dir(scratch.upper());
  for (int depth = 0; depth < 2100; ++depth) {
    at.make_dir("d", 0755);
    at = Dir(at.open_file("d", O_RDONLY | O_DIRECTORY), "deep");
  }
  try {
    snapshots.commit(scratch, {}, {}, {});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_THAT(e.what(), HasSubstr("a path of more than 4095 bytes"));
  }
}

TEST_F(SnapshotTest, ARenamedFolderOfOverlayfsIsRefused) {
  Layer base = layer(TreeBuilder().dir("/etc"));
  auto scratch = snapshots.make_scratch({});
  std::string upper = snapshots.folder().name() + "/" + scratch.upper();
  ::mkdir((upper + "/d").c_str(), 0755);
  ::setxattr((upper + "/d").c_str(), "user.overlay.redirect", "/etc", 4, 0);
  EXPECT_THROW(snapshots.commit(scratch, std::vector{base}, {}, {}), Error);
}

}  // namespace
}  // namespace imgb
