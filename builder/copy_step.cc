#include "builder/copy_step.h"

#include <algorithm>
#include <list>

#include "builder/archive_input.h"
#include "builder/downloads.h"
#include "builder/owners.h"
#include "builder/tree_input.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// Small trees are hashed before they are written: the cache then spares the writing.
constexpr std::uint64_t kOnePassBytes = 4ULL << 20;

/// Has the writer fill the step's snapshot too, when someone will need it.
std::optional<SnapshotStore::Scratch> unpack_beside(const BuildStep& step, const FileSystem& below, LayerWriter& writer,
                                                    SnapshotStore& snapshots) {
  if (!step.unpacks || snapshots.form() == SnapshotForm::trees) return std::nullopt;
  auto scratch = snapshots.make_scratch(below.layers);
  writer.also_unpack(scratch.open_upper());
  return scratch;
}

class CopyRun {
 public:
  CopyRun(const BuildStep& step, const FileSystem& below, const FileSystem& from, StepServices& services,
          Activity& activity, std::stop_token stop)
      : step_(step),
        copy_(std::get<CopyStep>(step.action)),
        below_(below),
        services_(services),
        activity_(activity),
        from_(from),
        stop_(stop),
        record_(step, copy_.link ? MadeUpon{} : MadeUpon{false, below.stack}, services, activity),
        look_up_(!step.no_cache) {}

  StepOutcome run() {
    quick_key_ = find_key_of_stack();
    if (quick_key_)
      if (auto known = record_.find_quick(*quick_key_)) return *known;
    input_.emplace(services_, services_.plan.inputs.at(copy_.from), from_, activity_, stop_);
    select();
    if (reads_once()) return write_and_find();
    input_->hash_unknown(items_);
    if (auto known = find_by_names()) return *known;
    find_owner();
    Ingredients key = make_key(owner_text());
    if (auto known = record_.find(key, quick_key_)) return *known;
    StepOutcome made = services_.once(key.key(), [&] { return keep(key, write(is_unpacked(key))); });
    return {std::move(made.made), made.cached, key.key(), quick_key_};
  }

 private:
  /// Nothing is known of these files: they are read once, into the layer, and the key comes from what was read. Not
  /// when another machine may have made the layer: then they are hashed first.
  bool reads_once() const {
    if (look_up_ && services_.imports_cache()) return false;
    auto unknown = input_->unknown_in(items_);
    return unknown.bytes * 2 > unknown.all_bytes && (unknown.bytes > kOnePassBytes || !look_up_);
  }
  StepOutcome write_and_find() {
    find_owner();
    Written written = write(false);
    Ingredients key = make_key(owner_text());
    if (asks_for_names()) quick_key_ = make_key_of_names();
    if (auto known = record_.find(key, quick_key_)) return *known;
    return {keep(key, std::move(written)), false, key.key(), quick_key_};
  }

  // --- quick keys (StepCache::find_quick) ---

  /// --chown with names, which only the account files below can tell.
  bool asks_for_names() const {
    return !std::ranges::all_of(copy_.chown, [](char c) { return (c >= '0' && c <= '9') || c == ':'; });
  }
  /// What this copies is all in a stack of layers, which says what it is without being looked at.
  std::optional<Digest> find_key_of_stack() const {
    if (from_.layers.empty() || std::ranges::any_of(copy_.sources, is_url)) return std::nullopt;
    Ingredients key;
    key.add("kind", copy_.add ? "ADD 3 of a stack" : "COPY 3 of a stack");
    key.add("from", from_.stack_text());
    const auto* context = std::get_if<ContextInput>(&services_.plan.inputs.at(copy_.from));
    if (const std::string* ignored = context ? services_.find_ignore_text(*context) : nullptr)
      key.add("ignore", *ignored);
    for (const std::string& source : copy_.sources) key.add("source", source);
    key.add("checksum", copy_.checksum);
    add_names(key);
    add_manner(key);
    return key.key();
  }
  Digest make_key_of_names() const {
    Ingredients key = make_key({});
    add_names(key);
    return key.key();
  }
  void add_names(Ingredients& key) const {
    if (!copy_.chown.empty()) key.add("--chown as written", copy_.chown);
    if (asks_for_names()) key.add("accounts", below_.stack_text());
  }
  std::optional<StepOutcome> find_by_names() {
    if (quick_key_ || !asks_for_names()) return std::nullopt;
    quick_key_ = make_key_of_names();
    return record_.find_quick(*quick_key_);
  }

  void find_owner() {
    if (!copy_.chown.empty()) owner_ = resolve_owner(copy_.chown, below_, services_, activity_, stop_);
  }
  std::string owner_text() const { return owner_ ? fmt::format("{}:{}", owner_->first, owner_->second) : ""; }

  void select() {
    if (!copy_.checksum.empty() && (copy_.sources.size() != 1 || !is_url(copy_.sources[0]))) {
      throw_error(ErrorKind::input, "checksum requires HTTP(S) or Git sources");
    }
    for (const std::string& source : copy_.sources) {
      if (is_git_url(source)) {
        throw_error(copy_.add ? ErrorKind::unsupported : ErrorKind::input, "{}",
                    copy_.add ? "ADD of git repositories is not supported yet" : "source can't be a git ref for COPY");
      }
      if (is_url(source)) {
        if (!copy_.add) throw_error(ErrorKind::input, "source can't be a URL for COPY");
        downloads_.push_back(fetch_url(source, copy_.checksum, services_, activity_, stop_));
        order_.push_back({&downloads_.back(), 0, 0});
        continue;
      }
      auto found = select_source(input_->tree(), source, {copy_.exclude, copy_.parents}, stop_);
      order_.push_back({nullptr, items_.size(), items_.size() + found.size()});
      std::move(found.begin(), found.end(), std::back_inserter(items_));
    }
  }

  struct Written {
    Layer layer;
    std::optional<SnapshotStore::Scratch> unpacked;
  };

  MadeLayer keep(const Ingredients& key, Written written) {
    if (written.unpacked) {
      services_.tools.snapshots.adopt(*std::move(written.unpacked), below_.layers, written.layer, stop_);
    }
    MadeUpon upon = copy_.link ? MadeUpon{} : MadeUpon{false, below_.stack};
    MadeLayer made{std::move(written.layer), services_.request.now, upon};
    record_.put(key, quick_key_, made);
    return made;
  }

  /// What counts besides the files and their owner.
  void add_manner(Ingredients& key) const {
    key.add("parent", copy_.link ? "none (--link)" : below_.stack_text());
    key.add("destination", copy_.to.path.str() + (copy_.to.folder && !copy_.to.path.is_root() ? "/" : ""));
    if (!copy_.chmod.empty()) key.add("--chmod", copy_.chmod);
    key.add("flags", fmt::format("{}{}{}", copy_.link ? "link " : "", copy_.parents ? "parents " : "",
                                 !copy_.unpack   ? ""
                                 : *copy_.unpack ? "unpack"
                                                 : "no-unpack"));
    for (const std::string& pattern : copy_.exclude) key.add("--exclude", pattern);
    if (services_.plan.source_date_epoch) {
      key.add("SOURCE_DATE_EPOCH", std::to_string(*services_.plan.source_date_epoch));
    }
    for (const CopyHeredoc& heredoc : copy_.heredocs) key.add(fmt::format("heredoc {}", heredoc.name), heredoc.content);
  }

  Ingredients make_key(const std::string& owner) const {
    Ingredients key;
    key.add("kind", copy_.add ? "ADD 3" : "COPY 3");
    add_manner(key);
    if (!owner.empty()) key.add("--chown", owner);
    // In the order in which they are placed, since later ones replace earlier ones.
    bool modes_count = copy_.chmod.empty() || !ModeChange::parse(copy_.chmod).is_octal() || copy_.add;
    for (const Placed& source : order_) {
      if (const Download* download = source.download) {
        key.add(fmt::format("download {}", download->name),
                fmt::format("{} {}", download->file.content->str(), download->file.meta.mtime));
      } else {
        add_items(key, std::span(items_).subspan(source.first_item, source.end_item - source.first_item), modes_count);
      }
    }
    return key;
  }

  /// The step ran before, with --no-cache or another blob, and its snapshot is still there: it will serve again.
  bool is_unpacked(const Ingredients& key) {
    auto made = step_.unpacks ? services_.cache.find(key.key()) : std::nullopt;
    return made && services_.tools.snapshots.has(below_.with(*made).layers);
  }

  Written write(bool unpacked_already) {
    TreeView below = copy_.link ? TreeView() : services_.view(below_, activity_, stop_);
    PlaceOptions options{.owner = owner_, .mode = {}, .now = services_.new_file_time(), .link = copy_.link};
    if (!copy_.chmod.empty()) options.mode = ModeChange::parse(copy_.chmod);
    CopyPlanner planner(std::move(below), std::move(options));
    for (const Placed& source : order_) place(planner, source);
    for (const CopyHeredoc& heredoc : copy_.heredocs) {
      planner.place_text(heredoc.name, heredoc.content, services_.new_file_time(), copy_.to);
    }
    CopyPlan plan = planner.take();
    prepare(plan);
    LayerWriter writer(services_.tools.store, services_.layer_options(), stop_);
    auto last = look_up_ ? services_.cache.find_last_layer(step_.place) : std::nullopt;
    if (last) writer.reuse(last->layer.blob.digest);
    auto unpacked = unpacked_already ? std::nullopt : unpack_beside(step_, below_, writer, services_.tools.snapshots);
    for (auto& [path, entry] : plan) add(writer, path, entry);
    Layer layer = writer.finish();
    learn(plan, writer.toc());
    return {std::move(layer), std::move(unpacked)};
  }

  struct Placed {
    const Download* download;
    std::size_t first_item, end_item;
  };
  void place(CopyPlanner& planner, const Placed& source) {
    if (source.download) {
      place_download(planner, *source.download);
      return;
    }
    for (std::size_t i = source.first_item; i < source.end_item; ++i) {
      const CopyItem& item = items_[i];
      bool may_unpack = copy_.add && copy_.unpack.value_or(true) && !item.is_folder() &&
                        item.nodes.front().meta.type == FileType::regular;
      if (may_unpack && place_archive(planner, items_[i].nodes.front(), [&] { return open_alone(item.nodes.front()); }))
        continue;
      planner.place(item, 0, copy_.to);
    }
  }

  std::unique_ptr<Source> open_alone(const TreeView::Node& node) {
    if (!input_->is_folder()) input_->prepare({&node});
    return input_->open(node);
  }

  void place_download(CopyPlanner& planner, const Download& download) {
    auto open = [&] { return services_.tools.store.blobs().open(*download.file.content); };
    TreeView::Node file = download.file;
    if (copy_.unpack.value_or(false) && place_archive(planner, file, open)) return;
    planner.place_file(download.name, download.file, 0, copy_.to);
  }

  /// False when it is no archive. `file` learns the digest of what was unpacked.
  template <class Open>
  bool place_archive(CopyPlanner& planner, TreeView::Node& file, Open open) {
    auto found = find_archive(services_.tools.store, open, services_.request.limits_of_ingest, stop_);
    if (!found) return false;
    input_->learn(file, found->content);
    archives_.push_back({toc_of(services_.tools.store, found->layer, stop_),
                         StackFiles(services_.tools.store, services_.tools.snapshots, {found->layer}, stop_)});
    planner.place_archive(*archives_.back().toc, archives_.size(), copy_.to);
    return true;
  }

  void prepare(const CopyPlan& plan) {
    std::vector<const TreeView::Node*> nodes;
    std::map<std::size_t, std::vector<StackFiles::Range>> ranges;
    for (const auto& [path, entry] : plan) {
      if (entry.archive_offset) ranges[entry.input].push_back({0, *entry.archive_offset, entry.meta.size_bytes});
      if (is_from_tree(entry)) nodes.push_back(entry.source);
    }
    if (!input_->is_folder()) input_->prepare(nodes);
    for (auto& [number, wanted] : ranges) archive(number).files.prepare(std::move(wanted));
  }

  bool is_download(const TreeView::Node* node) const {
    return std::any_of(downloads_.begin(), downloads_.end(), [&](const Download& d) { return &d.file == node; });
  }
  bool is_from_tree(const PlannedEntry& entry) const {
    return entry.source && entry.source->meta.type == FileType::regular && !is_download(entry.source);
  }

  void add(LayerWriter& writer, const RootedPath& path, PlannedEntry& entry) {
    TocEntry out{.path = path, .kind = entry.kind, .meta = entry.meta, .link_to = entry.link_to};
    if (entry.text) {
      SpanSource bytes(*entry.text);
      writer.add(std::move(out), &bytes);
    } else if (entry.archive_offset) {
      auto bytes = archive(entry.input).files.open(StackFiles::Range{0, *entry.archive_offset, entry.meta.size_bytes});
      writer.add(std::move(out), bytes.get());
    } else if (is_from_tree(entry)) {
      auto bytes = input_->open(*entry.source);
      out.content = entry.source->content;
      writer.add(std::move(out), bytes.get(),
                 input_->vouches_for_open_file() ? LayerWriter::Claim::vouched : LayerWriter::Claim::checked);
      input_->close(*entry.source, path);
    } else if (entry.source && is_download(entry.source)) {
      auto bytes = services_.tools.store.blobs().open(*entry.source->content);
      writer.add(std::move(out), bytes.get());
    } else {
      writer.add(std::move(out));
    }
  }

  /// What was written says what was read: digests for the key and for the stat cache.
  void learn(const CopyPlan& plan, const Toc& written) {
    input_->remember(written);
    std::map<const TreeView::Node*, Digest> contents;
    std::map<std::uint64_t, Digest> of_group;
    for (const auto& [path, entry] : plan) {
      if (!is_from_tree(entry) || entry.source->content) continue;
      auto at = written.find(path.str(), TocEntry::Kind::file);
      Digest content = written[at.value()].content.value();
      contents.emplace(entry.source, content);
      if (entry.source->link_group) of_group.emplace(entry.source->link_group, content);
    }
    for (CopyItem& item : items_) {
      for (TreeView::Node& node : item.nodes) {
        if (node.meta.type != FileType::regular || node.content) continue;
        if (auto read = contents.find(&node); read != contents.end()) node.content = read->second;
        if (auto read = of_group.find(node.link_group); !node.content && node.link_group && read != of_group.end()) {
          node.content = read->second;
        }
      }
    }
    input_->hash_unknown(items_);  // what others replaced at their destination, or an archive's own bytes
  }

  struct Archive {
    std::shared_ptr<const Toc> toc;
    StackFiles files;
  };
  Archive& archive(std::size_t number) {
    return *std::next(archives_.begin(), static_cast<std::ptrdiff_t>(number - 1));
  }

  const BuildStep& step_;
  const CopyStep& copy_;
  const FileSystem& below_;
  StepServices& services_;
  Activity& activity_;
  const FileSystem& from_;
  std::stop_token stop_;
  StepRecord record_;
  std::optional<TreeInput> input_;
  std::optional<Digest> quick_key_;
  bool look_up_;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> owner_;
  std::vector<CopyItem> items_;
  std::list<Download> downloads_;
  std::vector<Placed> order_;
  std::list<Archive> archives_;  ///< PlannedEntry::input counts them from 1; 0 is the tree.
};

}  // namespace

StepOutcome run_copy(const BuildStep& step, const FileSystem& below, const FileSystem& from, StepServices& services,
                     Activity& activity, std::stop_token stop) {
  return CopyRun(step, below, from, services, activity, std::move(stop)).run();
}

StepOutcome run_workdir(const BuildStep& step, const FileSystem& below, StepServices& services, Activity& activity,
                        std::stop_token stop) {
  const auto& workdir = std::get<WorkdirStep>(step.action);
  Ingredients key;
  key.add("kind", "WORKDIR 1");
  key.add("parent", below.stack_text());
  key.add("path", workdir.path.str());
  key.add("user", workdir.user);
  if (services.plan.source_date_epoch) key.add("SOURCE_DATE_EPOCH", std::to_string(*services.plan.source_date_epoch));
  StepRecord record(step, {false, below.stack}, services, activity);
  if (auto known = record.find(key)) return *known;
  PlaceOptions options{.now = services.new_file_time()};
  options.owner = resolve_folder_owner(workdir.user, below, services, activity, stop);
  CopyPlanner planner(services.view(below, activity, stop), std::move(options));
  planner.place_folder(workdir.path);
  LayerWriter writer(services.tools.store, services.layer_options(), stop);
  auto unpacked = unpack_beside(step, below, writer, services.tools.snapshots);
  for (auto& [path, entry] : planner.take()) writer.add({.path = path, .meta = entry.meta});
  MadeLayer made{writer.finish(), services.request.now, {false, below.stack}};
  if (unpacked) services.tools.snapshots.adopt(*std::move(unpacked), below.layers, made.layer, stop);
  record.put(key, {}, made);
  return {std::move(made), false, key.key()};
}

}  // namespace imgb
