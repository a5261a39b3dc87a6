#include "layerfs/snapshot_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thread>

#include "core/base/error.h"
#include "layerfs/toc_store.h"
#include "tests/support/tar_forger.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

namespace imgb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// An overlay over snapshot folders, as the sandbox mounts one.
class Overlay {
 public:
  Overlay(const Dir& snapshots, std::vector<std::string> lower, const SnapshotStore::Scratch* scratch,
          const std::filesystem::path& at)
      : at_(at) {
    std::filesystem::create_directories(at);
    std::string options = "userxattr,lowerdir=";
    for (std::size_t i = lower.size(); i-- > 0;) options += snapshots.name() + "/" + lower[i] + (i ? ":" : "");
    if (scratch)
      options += fmt::format(",upperdir={0}/{1},workdir={0}/{2}", snapshots.name(), scratch->upper(), scratch->work());
    if (::mount("overlay", at.c_str(), "overlay", 0, options.c_str()) < 0) throw_errno("mount overlay {}", options);
  }
  Overlay(const Overlay&) = delete;
  ~Overlay() { ::umount2(at_.c_str(), MNT_DETACH); }
  std::string path(std::string_view below) const { return at_.string() + std::string(below); }
  Dir dir() const { return Dir::open_host(at_); }

 private:
  std::filesystem::path at_;
};

/// Everything below a folder, one line each.
void list_into(const Dir& dir, const std::string& prefix, std::vector<std::string>& out) {
  for (const Dir::Entry& entry : dir.list()) {
    FileStat s = dir.stat(entry.name);
    std::string line =
        fmt::format("{}/{} {:o} {}:{} {}", prefix, entry.name, s.mode, s.uid, s.gid, s.mtime / 1'000'000'000);
    if (s.type == FileType::regular) line += " " + dir.read_file(entry.name, 1000);
    if (s.type == FileType::symlink) line += " -> " + dir.read_link(entry.name);
    if (s.type == FileType::character_device) line += fmt::format(" c {}", s.rdev);
    out.push_back(line);
    if (s.type == FileType::directory) list_into(dir.open_dir(entry.name), prefix + "/" + entry.name, out);
  }
}
std::vector<std::string> list(const Dir& dir) {
  std::vector<std::string> out;
  list_into(dir, "", out);
  return out;
}

std::vector<std::string> names_of(const std::vector<SnapshotStore::Snapshot>& all) {
  std::vector<std::string> names;
  for (const auto& one : all) names.push_back(one.name);
  return names;
}

class SnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting an overlay here needs root";
  }
  Layer layer(const TreeBuilder& tree) { return tree.write_layer(store); }
  std::vector<std::string> ensure(const std::vector<Layer>& stack) {
    return snapshots.ensure(stack, stream_from(store.blobs()), {}, {});
  }
  std::vector<std::string> tree_of(const std::vector<Layer>& stack) {
    std::vector<std::string> names = ensure(stack);
    if (names.size() == 1) return list(snapshots.folder().open_dir(names[0]));
    return list(Overlay(snapshots.folder(), names, nullptr, folder.path() / "view").dir());
  }
  /// Runs `step` in an overlay over the stack and commits what it left.
  template <class Step>
  Layer run(const std::vector<Layer>& below, Step step, SnapshotStore::CommitOptions options = {}, bool adopt = true) {
    std::vector<std::string> lower = ensure(below);
    auto scratch = snapshots.make_scratch(below);
    {
      Overlay root(snapshots.folder(), lower, &scratch, folder.path() / "root");
      step(root);
    }
    Layer made = snapshots.commit(scratch, below, options, {});
    if (adopt) snapshots.adopt(std::move(scratch), below, made);
    return made;
  }
  std::vector<std::string> entries(const Layer& of) {
    std::vector<std::string> out;
    for (const TocEntry& e : *toc_of(store, of, {})) {
      static constexpr std::string_view kMarks[] = {"", "", "-", "="};
      out.push_back(std::string(kMarks[static_cast<int>(e.kind)]) + e.path.str());
      if (e.kind == TocEntry::Kind::hard_link) out.back() += " -> " + e.link_to.str();
    }
    return out;
  }

  TempDir folder;
  Store store = Store::open(folder.path() / "store");
  SnapshotStore snapshots{store};
};

void write(const std::string& path, std::string_view text) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
  ASSERT_TRUE(file) << path;
  write_all(file, text, path);
}

TEST_F(SnapshotTest, UnpacksAStackAsAnOverlayShowsIt) {
  constexpr FileTime kSecond = 1'000'000'000;
  Layer base = layer(TreeBuilder()
                         .dir("/etc", 0750)
                         .owner(1, 2)
                         .mtime(7 * kSecond)
                         .file("/etc/a", "a", 04755)
                         .owner(5, 6)
                         .mtime(9 * kSecond)
                         .file("/etc/b", "b")
                         .symlink("/s", "etc")
                         .hard_link("/etc/c", "/etc/a")
                         .dir("/old")
                         .file("/old/x", "")
                         .device("/null", FileType::character_device, makedev(1, 3)));
  Layer top =
      layer(TreeBuilder().file("/etc/new", "n").mtime(3 * kSecond).removed("/etc/b").opaque("/old").file("/old/y", ""));
  EXPECT_THAT(tree_of({base, top}),
              ElementsAre("/etc 750 1:2 7", "/etc/a 4755 5:6 9 a", "/etc/c 4755 5:6 9 a", "/etc/new 644 0:0 3 n",
                          "/null 600 0:0 0 c 259", "/old 755 0:0 0", "/old/y 644 0:0 0 ", "/s 777 0:0 0 -> etc"));
  EXPECT_TRUE(snapshots.has(std::vector{base, top}));
}

TEST_F(SnapshotTest, HostileLayersUnpackInsideTheirFolder) {
  TempDir outside;
  std::string canary = outside.path().string(), victim = canary + "/victim";
  write(victim, "alive");
  ::chmod(victim.c_str(), 0600);
  TarForger tar;
  tar.symlink("a", canary).file("a/pwn", "x");                                // V3
  tar.symlink("f", victim).add({.name = "f", .data = "new", .mode = 06777});  // V9
  tar.symlink("l", victim).hard_link("h", "l").file("h", "data");             // V4
  tar.dir("d").file("d/old").file("d").dir("d");                              // V17
  tar.symlink("w", canary).file("w/.wh.victim").file("w/.wh..wh..opq");       // V6
  tar.file("/absolute", "y");                                                 // V2
  Descriptor blob = write_blob(store.blobs(), tar.finish(), std::string(media_type::kOciLayer));
  std::string name = ensure({Layer{blob, DiffId{Digest::of(tar.finish())}}})[0];
  Dir root = snapshots.folder().open_dir(name);
  EXPECT_EQ(root.read_file(canary + "/pwn", 10), "x");
  EXPECT_EQ(root.stat("f").mode, 06777u);
  EXPECT_EQ(root.read_file("h", 10), "data");
  EXPECT_EQ(root.read_link("l"), victim);
  EXPECT_TRUE(root.open_dir("d").list().empty());
  EXPECT_EQ(root.read_file("absolute", 10), "y");
  EXPECT_EQ(outside.dir().list().size(), 1u);
  EXPECT_EQ(outside.dir().read_file("victim", 10), "alive");
  EXPECT_EQ(outside.dir().stat("victim").mode, 0600u);
}

TEST_F(SnapshotTest, NamesAreShortAndStay) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/a", "")), layer(TreeBuilder().file("/b", ""))};
  auto names = ensure(stack);
  EXPECT_EQ(names[0].size(), 6u);
  EXPECT_EQ(SnapshotStore(store).ensure(stack, nullptr, {}, {}), names);  // nothing to stream: all is there
}

TEST_F(SnapshotTest, AParentOnlyFolderTakesItsMetadataFromTheLayerBelow) {
  Layer base = layer(
      TreeBuilder().dir("/d", 0700).owner(7, 8).mtime(5'000'000'000).xattr("user.a", "b").dir("/", 0711).owner(3, 4));
  auto names = ensure({base, layer(TreeBuilder().file("/d/x", ""))});
  Dir upper = snapshots.folder().open_dir(names[1]);
  EXPECT_EQ(upper.stat("d").mode, 0700u);
  EXPECT_EQ(upper.stat("d").uid, 7u);
  EXPECT_EQ(upper.stat("d").mtime, 5'000'000'000);
  EXPECT_EQ(upper.xattrs("d"), (Xattrs{{"user.a", "b"}}));
  EXPECT_EQ(upper.stat(".").mode, 0711u);
}

TEST_F(SnapshotTest, AHardLinkIntoALowerLayerIsCopiedUp) {
  Layer base = layer(TreeBuilder().file("/a", "bytes", 0640).owner(5, 5));
  Layer top = layer(TreeBuilder().hard_link("/b", "/a").hard_link("/d/c", "/a"));
  EXPECT_THAT(tree_of({base, top}),
              ElementsAre("/a 640 5:5 0 bytes", "/b 640 5:5 0 bytes", "/d 755 0:0 0", "/d/c 640 5:5 0 bytes"));
  EXPECT_EQ(snapshots.folder().stat(ensure({base, top})[1] + "/b").link_count, 2u);
}

TEST_F(SnapshotTest, AHardLinkToNothingIsRefused) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/x", "")), layer(TreeBuilder().hard_link("/b", "/none"))};
  EXPECT_THROW(ensure(stack), Error);
  EXPECT_FALSE(snapshots.has(stack));
}

TEST_F(SnapshotTest, WhiteoutsOfNothingLeaveNoFolder) {
  std::vector<Layer> stack{layer(TreeBuilder().symlink("/lib", "usr")),
                           layer(TreeBuilder().removed("/nowhere/x").removed("/lib/y"))};
  EXPECT_THAT(tree_of(stack), ElementsAre("/lib 777 0:0 0 -> usr"));
}

TEST_F(SnapshotTest, ADamagedLayerLeavesNothing) {
  Layer good = layer(TreeBuilder().file("/a", "x"));
  Layer wrong{good.blob, DiffId{Digest::of("other")}};
  EXPECT_THROW(ensure({wrong}), Error);
  EXPECT_THAT(snapshots.list(), IsEmpty());
  for (const auto& entry : snapshots.folder().list()) EXPECT_THAT(entry.name, testing::StartsWith("lock-"));
}

TEST_F(SnapshotTest, ManyThreadsAndStoresUnpackOneStackOnce) {
  std::vector<Layer> stack;
  for (int i = 0; i < 6; ++i)
    stack.push_back(layer(TreeBuilder().file("/f" + std::to_string(i), std::string(100'000, 'x'))));
  std::atomic<int> streams = 0;
  StreamBlob counting = [&](const Descriptor& blob, Sink& into) {
    ++streams;
    stream_from(store.blobs())(blob, into);
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back([&] {
      Store own = Store::open(folder.path() / "store");
      EXPECT_EQ(SnapshotStore(own).ensure(stack, counting, {}, {}).size(), 6u);
    });
  threads.clear();
  EXPECT_EQ(streams, 6);
}

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
                                         "/swap", "=/swap", "/swap/b"));
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
        for (int depth = 0; depth < 3000; ++depth) {
          at.make_dir("d", 0755);
          at = Dir(at.open_file("d", O_RDONLY | O_DIRECTORY), "deep");
        }
      },
      {}, false);
  auto toc = toc_of(store, made, {});
  EXPECT_EQ(toc->size(), 3000u + 6u);
  EXPECT_EQ((*toc)[*toc->find("/etc/link", TocEntry::Kind::file)].meta.link_target, "/etc/shadow");
}

TEST_F(SnapshotTest, ARenamedFolderOfOverlayfsIsRefused) {
  Layer base = layer(TreeBuilder().dir("/etc"));
  auto scratch = snapshots.make_scratch({});
  std::string upper = snapshots.folder().name() + "/" + scratch.upper();
  ::mkdir((upper + "/d").c_str(), 0755);
  ::setxattr((upper + "/d").c_str(), "user.overlay.redirect", "/etc", 4, 0);
  EXPECT_THROW(snapshots.commit(scratch, std::vector{base}, {}, {}), Error);
}

TEST_F(SnapshotTest, ACopyThatARunFollowsUnpacksWhileItWrites) {
  Layer base = layer(TreeBuilder().dir("/app", 0700).owner(4, 4).file("/lower", "l"));
  TreeBuilder copied;
  copied.file("/app/f", "bytes", 04711)
      .owner(9, 9)
      .hard_link("/app/g", "/app/f")
      .symlink("/app/s", "f")
      .dir("/app/sub", 0500)
      .file("/app/sub/x", "");
  copied.hard_link("/zlink", "/lower").opaque("/zo");
  auto scratch = snapshots.make_scratch(std::vector{base});
  Layer made = copied.write_layer(store, {}, scratch.open_upper());
  ensure({base});
  snapshots.adopt(std::move(scratch), std::vector{base}, made);
  EXPECT_TRUE(snapshots.has(std::vector{base, made}));
  auto adopted = tree_of({base, made});
  snapshots.take_out(CollectionLock(store.root()), names_of(snapshots.list()));
  EXPECT_EQ(tree_of({base, made}), adopted);
  EXPECT_THAT(adopted, testing::Contains("/app/f 4711 9:9 0 bytes"));
  EXPECT_THAT(adopted, testing::Contains("/app 700 4:4 0"));
}

TEST_F(SnapshotTest, WhiteoutsOpaqueFoldersAndAttributesAreUnpackedWhileTheyAreWritten) {
  Layer base = layer(TreeBuilder().dir("/d").file("/d/old", "").file("/gone", "g").dir("/o").file("/o/x", ""));
  TreeBuilder written;
  written.removed("/gone").removed("/d/old").opaque("/o").file("/o/y", "y").file("/d/f", "f", 04755);
  written.xattr("user.note", "v")
      .dir("/d", 01777)
      .xattr("user.of", "folder")
      .device("/null", FileType::character_device, 0x103);
  auto scratch = snapshots.make_scratch({});
  Layer made = written.write_layer(store, {}, scratch.open_upper());
  snapshots.adopt(std::move(scratch), std::vector{base}, made);
  auto upper = [&] {
    Dir dir = snapshots.folder().open_dir(ensure({base, made})[1]);
    std::vector<std::string> out = list(dir);
    for (std::string& line : out) {
      if (line.ends_with(" c 0")) line = line.substr(0, line.find(' ')) + " is a whiteout";  // made just now
    }
    for (const char* path : {"d", "d/f", "o"}) {
      for (const auto& [key, value] : dir.xattrs(path)) out.push_back(fmt::format("{}: {}={}", path, key, value));
    }
    return out;
  };
  auto adopted = upper();
  snapshots.take_out(CollectionLock(store.root()), names_of(snapshots.list()));
  EXPECT_EQ(upper(), adopted);
  for (const char* line : {"/gone is a whiteout", "/d/old is a whiteout", "o: user.overlay.opaque=y",
                           "d/f: user.note=v", "d: user.of=folder"})
    EXPECT_THAT(adopted, testing::Contains(testing::StartsWith(line)));
}

TEST_F(SnapshotTest, ScratchOfTheDeadIsSweptAndThatOfTheLivingIsNot) {
  auto living = snapshots.make_scratch({});
  snapshots.folder().make_dir("s-0123456789abcdef", 0700);
  snapshots.folder().make_dir("s-0123456789abcdef/u", 0700);
  SnapshotStore other(store);
  auto second = other.make_scratch({});
  EXPECT_FALSE(snapshots.folder().find_stat("s-0123456789abcdef"));
  EXPECT_TRUE(snapshots.folder().find_stat(living.upper()));
}

TEST_F(SnapshotTest, AMarkOfAnotherBootDoesNotCountUntilItWasSettled) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/a", "x"))};
  std::string name = ensure(stack)[0];
  auto spoil_boot = [&] {
    std::string mark = snapshots.folder().read_file(name + ".ok", 1000);
    std::size_t space = mark.find(' ');
    if (mark.substr(space + 1) == "durable\n") return false;
    snapshots.folder().replace_file(name + ".ok", mark.substr(0, space + 1) + "another-boot\n", 0600);
    return true;
  };
  EXPECT_TRUE(spoil_boot());
  snapshots.folder().replace_file(name + "/a", "torn", 0600);
  EXPECT_FALSE(SnapshotStore(store).has(stack));
  EXPECT_EQ(SnapshotStore(store).ensure(stack, stream_from(store.blobs()), {}, {})[0], name);
  EXPECT_EQ(snapshots.folder().read_file(name + "/a", 10), "x");
  settle_snapshots(store.root());
  EXPECT_FALSE(spoil_boot());
  EXPECT_TRUE(SnapshotStore(store).has(stack));
}

TEST_F(SnapshotTest, TwoChainsThatBeginAlikeGetDifferentNames) {
  std::vector<Layer> stack{layer(TreeBuilder().file("/a", "x"))};
  std::string name = ensure(stack)[0];
  std::string boot = snapshots.folder().read_file(name + ".ok", 1000).substr(71);
  snapshots.folder().replace_file(name + ".ok", Digest::of("other chain").str() + boot, 0600);
  SnapshotStore again(store);
  std::string second = again.ensure(stack, stream_from(store.blobs()), {}, {})[0];
  EXPECT_EQ(second.size(), 9u);
  EXPECT_TRUE(second.starts_with(name));
  EXPECT_TRUE(SnapshotStore(store).has(stack));
}

}  // namespace
}  // namespace imgb
