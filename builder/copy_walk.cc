#include "builder/copy_walk.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/task.h"

namespace imgb {
namespace {

/// So many folders are listed before other threads are asked to help: most contexts have fewer.
constexpr std::size_t kFoldersAlone = 64;

struct Folder;
struct Item {
  TreeView::Node node;
  bool wanted;
  std::unique_ptr<Folder> inside;  ///< Folders that are entered.
};
struct Folder {
  RootedPath path;
  IgnoreMatcher::Folder included, excluded;
  std::vector<Item> items;
};

/// Folders still to be listed, shared by the threads of one walk. Who lists one adds those in it.
class Agenda {
 public:
  void add(Folder& folder) {
    std::lock_guard hold(mutex_);
    todo_.push_back(&folder);
    if (waiting_ > 0) changed_.notify_one();
  }
  /// nullptr when all are listed, or the walk is given up. The one before is done.
  Folder* next(bool first) {
    std::unique_lock hold(mutex_);
    if (!first) --busy_;
    ++waiting_;
    changed_.wait(hold, [&] { return given_up_ || !todo_.empty() || busy_ == 0; });
    --waiting_;
    if (given_up_ || todo_.empty()) {
      changed_.notify_all();
      return nullptr;
    }
    Folder* folder = todo_.back();
    todo_.pop_back();
    ++busy_;
    return folder;
  }
  void give_up() {
    std::lock_guard hold(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Folder*> todo_;
  std::size_t busy_ = 0, waiting_ = 0;
  bool given_up_ = false;
};

class Walk {
 public:
  Walk(const CopyTree& tree, const RootedPath& root, const IgnoreMatcher* include, const IgnoreMatcher& exclude,
       const std::stop_token& stop)
      : tree_(tree),
        include_(include),
        exclude_(exclude),
        stop_(stop),
        root_size_(root.is_root() ? 1 : root.str().size() + 1) {
    top_.path = root;
    if (include_) top_.included = include_->root();
    top_.excluded = exclude_.root();
  }

  void run(std::vector<TreeView::Node>& into) {
    agenda_.add(top_);
    std::optional<TaskGroup> helpers;
    std::size_t listed = 0;
    work([&] {
      if (++listed != kFoldersAlone) return;
      unsigned cores = std::thread::hardware_concurrency();  // reads a file each time
      if (cores < 2) return;
      helpers.emplace(cores - 1, stop_);
      for (unsigned i = 1; i < cores; ++i) helpers->add([this] { work([] {}); });
    });
    if (helpers) helpers->join();
    into.reserve(into.size() + items_);
    flatten(top_, into);
  }

 private:
  template <class Listed>
  void work(Listed listed) {
    try {
      for (Folder* folder = agenda_.next(true); folder; folder = agenda_.next(false)) {
        list(*folder);
        listed();
      }
    } catch (...) {
      agenda_.give_up();
      throw;
    }
  }

  void list(Folder& folder) {
    throw_if_stopped(stop_);
    auto entries = tree_.children(folder.path);
    folder.items.reserve(entries.size());
    for (CopyTree::Entry& entry : entries) visit(std::move(entry), folder);
    items_ += folder.items.size();
  }

  void visit(CopyTree::Entry entry, Folder& parent) {
    std::string_view relative = std::string_view(entry.node.path.str()).substr(root_size_);
    IgnoreMatcher::Verdict in, out;
    if (include_) in = include_->check(parent.included, relative);
    if (!exclude_.empty()) out = exclude_.check(parent.excluded, relative);
    bool folder = entry.node.meta.type == FileType::directory;
    bool wanted = !entry.only_parent && (!include_ || in.ignored) && !out.ignored;
    bool enters = folder && !(out.ignored && out.prune);
    if (!enters && (folder || !wanted)) return;
    parent.items.push_back({std::move(entry.node), wanted, nullptr});
    Item& item = parent.items.back();
    if (!enters) return;
    item.inside = std::make_unique<Folder>();
    item.inside->path = item.node.path;
    item.inside->included = std::move(in.folder);
    item.inside->excluded = std::move(out.folder);
    agenda_.add(*item.inside);
  }

  void flatten(Folder& folder, std::vector<TreeView::Node>& into) {
    for (Item& item : folder.items) {
      if (!item.inside || item.wanted) {
        take(std::move(item.node), into);
        if (item.inside) flatten(*item.inside, into);
        continue;
      }
      std::size_t before = waiting_.size();
      waiting_.push_back(std::move(item.node));
      flatten(*item.inside, into);
      if (waiting_.size() > before) waiting_.pop_back();
    }
    std::vector<Item>().swap(folder.items);
  }

  /// Folders that are there only for what is below them come with the first thing that is.
  void take(TreeView::Node node, std::vector<TreeView::Node>& into) {
    for (auto& parent : waiting_) into.push_back(std::move(parent));
    waiting_.clear();
    into.push_back(std::move(node));
  }

  const CopyTree& tree_;
  const IgnoreMatcher* include_;
  const IgnoreMatcher& exclude_;
  const std::stop_token& stop_;
  const std::size_t root_size_;
  Folder top_;
  Agenda agenda_;
  std::atomic<std::size_t> items_ = 0;
  std::vector<TreeView::Node> waiting_;
};

}  // namespace

void walk_below(const CopyTree& tree, const RootedPath& root, const IgnoreMatcher* include,
                const IgnoreMatcher& exclude, const std::stop_token& stop, std::vector<TreeView::Node>& into) {
  Walk(tree, root, include, exclude, stop).run(into);
}

}  // namespace imgb
