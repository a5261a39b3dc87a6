#include <sys/file.h>

#include <cerrno>

#include "core/base/error.h"
#include "layerfs/copy_tree.h"
#include "layerfs/merge_layer.h"
#include "layerfs/seal.h"
#include "layerfs/snapshot_state.h"

namespace imgb {

/// Of several who want one tree one changes it; the others read it (a shared flock), copy it, or unpack anew. Who looks
/// for one, takes it or puts it there holds its SnapshotLock.

std::optional<Dir> SnapshotStore::State::find_tree(const StackKey& key, const std::stop_token& stop) {
  if (!trees.find(key)) return std::nullopt;
  SnapshotLock lock = SnapshotLock::take(folder(), lock_place(key), stop);
  auto name = trees.find(key);
  auto dir = name ? folder().find_dir(*name) : std::nullopt;
  if (dir && ::flock(dir->fd().get(), LOCK_SH | LOCK_NB) < 0) throw_errno("locking {}", dir->name());
  return dir;
}

std::unique_ptr<SnapshotStore::Scratch::State> SnapshotStore::State::take_tree(const StackKey& key,
                                                                               const std::stop_token& stop) {
  if (!trees.find(key)) return nullptr;
  SnapshotLock lock = SnapshotLock::take(folder(), lock_place(key), stop);
  auto name = trees.find(key);
  auto dir = name ? folder().find_dir(*name) : std::nullopt;
  if (!dir) return nullptr;
  std::call_once(reflinks_tried_, [&] { reflinks_ = has_reflinks(folder()); });
  auto scratch = std::make_unique<Scratch::State>(folder(), remover);
  scratch->is_tree = true;
  scratch->dir.remove(kUpperName);
  if (reflinks_ || !try_lock(dir->fd())) {
    copy_tree(*dir, scratch->dir, std::string(kUpperName), stop);
  } else {
    CollectionLock alone(store.root());  // nobody writes its mark anew meanwhile
    trees.take_out(*name, scratch->dir);
    scratch->dir.rename(*name, scratch->dir, kUpperName, Dir::Rename::no_replace);
  }
  return scratch;
}

std::unique_ptr<SnapshotStore::Scratch::State> SnapshotStore::State::own_tree(const Work& work) {
  std::vector<StackKey> keys = keys_of(work.stack);
  std::size_t present = keys.size();
  std::unique_ptr<Scratch::State> tree;
  for (; present > 0 && !tree; --present) {
    tree = take_tree(keys[present - 1], work.stop);
    if (tree) break;
  }
  if (!tree) {
    tree = std::make_unique<Scratch::State>(folder(), remover);
    tree->is_tree = true;
  }
  add_layers(*tree, work, present);
  return tree;
}

void SnapshotStore::State::add_layers(Scratch::State& tree, const Work& work, std::size_t present) {
  std::vector<std::size_t> wanted;
  for (std::size_t i = present; i < work.stack.size(); ++i) wanted.push_back(i);
  std::vector<Unpacked> unpacked = unpack_all(work, wanted);
  for (std::size_t i : wanted) {
    throw_if_stopped(work.stop);
    Dir layer = unpacked[i].upper();
    // What the layers below show is in the tree, under the same path.
    seal(layer, *unpacked[i].toc, view(work.stack.first(i), work.stop),
         [&](std::size_t) { return tree.dir.open_dir(kUpperName); });
    if (i == 0) {
      tree.dir.remove(kUpperName);
      unpacked[i].scratch->dir.rename(kUpperName, tree.dir, kUpperName, Dir::Rename::no_replace);
    } else {
      merge_layer(layer, *unpacked[i].toc, tree.dir.open_dir(kUpperName));
    }
    unpacked[i] = {};
  }
}

void SnapshotStore::State::prepare_tree(const Work& work) {
  StackKey key = keys_of(work.stack).back();
  if (trees.find(key)) return;
  SnapshotLock lock = SnapshotLock::take(folder(), lock_place(key), work.stop);
  if (trees.find(key)) return;
  Scratch::State tree(folder(), remover);
  tree.is_tree = true;
  add_layers(tree, work, 0);
  trees.publish(key, tree.dir, kUpperName);
}

std::string SnapshotStore::State::hold_tree(const Work& work) {
  StackKey key = keys_of(work.stack).back();
  while (!held_.with([&](auto& held) { return held.contains(key.digest); })) {
    prepare_tree(work);
    // A step of another process may have taken it by now.
    if (auto tree = find_tree(key, work.stop))
      held_.with([&](auto& held) { held.emplace(key.digest, *std::move(tree)); });
  }
  return trees.find(key).value();
}

}  // namespace imgb
