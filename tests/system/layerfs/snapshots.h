#pragma once
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "layerfs/snapshot_store.h"
#include "layerfs/toc_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tree_builder.h"

namespace imgb {

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
inline void list_into(const Dir& dir, const std::string& prefix, std::vector<std::string>& out) {
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
inline std::vector<std::string> list(const Dir& dir) {
  std::vector<std::string> out;
  list_into(dir, "", out);
  return out;
}

inline std::vector<std::string> names_of(const std::vector<SnapshotStore::Snapshot>& all) {
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
  Layer run(const std::vector<Layer>& below, Step step, const SnapshotStore::CommitOptions& options = {},
            bool adopt = true) {
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
    auto toc = toc_of(store, of, {});
    for (const TocEntry& e : *toc) {
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

inline void write(const std::string& path, std::string_view text) {
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
  ASSERT_TRUE(file) << path;
  write_all(file, text, path);
}

}  // namespace imgb
