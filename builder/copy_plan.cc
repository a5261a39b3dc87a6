#include "builder/copy_plan.h"

#include "core/base/error.h"
#include "core/base/link_walk.h"
#include "core/base/text.h"

namespace imgb {
namespace {

bool is_folder(const FileMeta& meta) { return meta.type == FileType::directory; }

/// No file system of Linux could hold it, so that nobody could unpack the layer.
void check_name(const RootedPath& path) {
  constexpr std::size_t kMaxNameBytes = 255;
  if (path.name().size() > kMaxNameBytes) {
    throw_error(ErrorKind::input, "{}: file name too long", printable(path.name()));
  }
}

}  // namespace

CopyDestination parse_destination(std::string_view written, const RootedPath& workdir) {
  CopyDestination to{workdir.join(written), false};
  to.folder = written.empty() || written == "." || written.ends_with('/') || written.ends_with("/.") ||
              written.ends_with("/..") || written == ".." || to.path.is_root();
  return to;
}

/// A folder that this plan makes anew holds nothing but what the plan puts there.
bool CopyPlanner::in_fresh_folder(const RootedPath& path) const {
  auto parent = plan_.find(path.parent());
  return parent != plan_.end() && parent->second.fresh;
}

std::optional<CopyPlanner::Seen> CopyPlanner::find(const RootedPath& path) const {
  if (auto planned = plan_.find(path); planned != plan_.end()) return Seen{planned->second.meta, true};
  if (in_fresh_folder(path)) return std::nullopt;
  auto node = below_.find(path);
  if (!node) return std::nullopt;
  return Seen{std::move(node->meta), false};
}

RootedPath CopyPlanner::resolve(const RootedPath& path) const {
  return resolve_links(path, [&](const RootedPath& at) -> std::optional<std::string> {
    auto seen = find(at);
    if (!seen || seen->meta.type != FileType::symlink) return std::nullopt;
    return std::move(seen->meta.link_target);
  });
}

/// For what --chmod is about; masked as mkdir does it.
std::uint32_t CopyPlanner::folder_mode() const {
  constexpr std::uint32_t kUmask = 022;
  return options_.mode && options_.mode->is_octal() ? options_.mode->octal() & 0777 & ~kUmask : kPlainFolder;
}

void CopyPlanner::make_folders(const RootedPath& path, std::uint32_t mode, bool owned) {
  if (path.is_root()) return;
  if (auto seen = find(path)) {
    if (!is_folder(seen->meta)) throw_error(ErrorKind::input, "mkdir {}: not a directory", printable(path.str()));
    return;
  }
  make_folders(path.parent(), mode, owned);
  check_name(path);
  FileMeta meta{.type = FileType::directory, .mode = mode, .mtime = options_.now};
  if (owned && options_.owner) std::tie(meta.uid, meta.gid) = *options_.owner;
  plan_.insert_or_assign(path, PlannedEntry{.meta = std::move(meta), .fresh = true});
}

RootedPath CopyPlanner::destination(const CopyDestination& to) {
  RootedPath at = resolve(to.path);
  if (options_.link) make_folders(at.parent(), kPlainFolder, false);
  return at;
}

/// Metadata as it lands: --chown for everything, --chmod for all but symlinks.
FileMeta CopyPlanner::dressed(const FileMeta& meta) const {
  FileMeta out = meta;
  if (options_.owner) std::tie(out.uid, out.gid) = *options_.owner;
  if (options_.mode && meta.type != FileType::symlink) out.mode = options_.mode->apply(meta.mode, is_folder(meta));
  if (meta.type == FileType::socket) {
    out.type = FileType::regular;  // a layer cannot hold a socket
    out.size_bytes = 0;
  }
  return out;
}

RootedPath CopyPlanner::file_target(std::string_view name, const CopyDestination& to) {
  RootedPath at = destination(to);
  make_folders(to.folder ? at : at.parent(), folder_mode());
  auto seen = find(at);
  return at.is_root() || (seen && is_folder(seen->meta)) ? at.child(name) : at;
}

void CopyPlanner::put_file(const RootedPath& at, PlannedEntry entry) {
  check_name(at);
  auto seen = find(at);
  if (seen && is_folder(seen->meta)) {
    throw_error(ErrorKind::input, "cannot replace to directory {} with file", printable(at.str()));
  }
  entry.fresh = !seen;
  file_of_.erase(at);
  plan_.insert_or_assign(at, std::move(entry));
}

void CopyPlanner::place(const CopyItem& item, std::size_t input, const CopyDestination& to) {
  ++items_;
  const TreeView::Node& top = item.nodes.front();
  if (!item.is_folder()) {
    place_file(item.name, top, input, to);
    return;
  }
  RootedPath into = destination(to);
  if (auto seen = find(into); seen && !is_folder(seen->meta)) {
    throw_error(ErrorKind::input, "cannot copy to non-directory: {}", printable(into.str()));
  }
  make_folders(into, folder_mode());
  place_content(item, input, into);
  if (item.parents || into.is_root()) return;
  // The destination keeps mode and owner, and takes the time of the folder whose content it got.
  if (auto planned = plan_.find(into); planned != plan_.end()) {
    planned->second.meta.mtime = top.meta.mtime;
  } else {
    PlannedEntry kept{.meta = below_.find(into)->meta};
    kept.meta.mtime = top.meta.mtime;
    plan_.insert_or_assign(into, std::move(kept));
  }
}

void CopyPlanner::place_content(const CopyItem& item, std::size_t input, const RootedPath& into) {
  std::size_t prefix = item.root.is_root() ? 1 : item.root.str().size() + 1;
  for (std::size_t i = 1; i < item.nodes.size(); ++i) {
    const TreeView::Node& node = item.nodes[i];
    place_below(node, input, into.join(std::string_view(node.path.str()).substr(prefix)));
  }
}

void CopyPlanner::place_below(const TreeView::Node& node, std::size_t input, const RootedPath& at) {
  PlannedEntry entry{.meta = dressed(node.meta), .source = &node, .input = input};
  if (is_folder(node.meta)) {
    auto seen = find(at);
    if (seen && !is_folder(seen->meta)) {
      throw_error(ErrorKind::input, "cannot copy to non-directory: {}", printable(at.str()));
    }
    auto planned = plan_.find(at);
    entry.fresh = planned != plan_.end() ? planned->second.fresh : !seen;
    plan_.insert_or_assign(at, std::move(entry));
    return;
  }
  put_file(at, std::move(entry));
  if (!node.link_group) return;
  auto [file, is_first] = groups_.try_emplace({items_, node.link_group}, files_.size());
  if (is_first) files_.push_back(plan_.at(at));
  file_of_[at] = file->second;
}

void CopyPlanner::place_file(std::string_view name, const TreeView::Node& file, std::size_t input,
                             const CopyDestination& to) {
  put_file(file_target(name, to), {.meta = dressed(file.meta), .source = &file, .input = input});
}

void CopyPlanner::place_text(std::string_view name, const std::string& content, FileTime mtime,
                             const CopyDestination& to) {
  FileMeta meta{.type = FileType::regular, .mode = 0644, .mtime = mtime, .size_bytes = content.size()};
  put_file(file_target(name, to), {.meta = dressed(meta), .text = &content});
}

/// A folder that something else replaces takes what was planned below it along.
void CopyPlanner::forget_below(const RootedPath& path) {
  std::string end = path.str() + '0';  // the byte after "/"
  for (auto at = plan_.upper_bound(path); at != plan_.end() && at->first.str() < end;) {
    bool below = at->first.is_below(path);
    if (below) file_of_.erase(at->first);
    at = below ? plan_.erase(at) : std::next(at);
  }
}

void CopyPlanner::place_archive(const Toc& archive, std::size_t input, const CopyDestination& to) {
  ++items_;
  RootedPath into = destination(to);
  make_folders(into, kPlainFolder);  // --chmod says nothing about archives
  std::vector<TocEntry> links;       // after the files that they name, whose paths may come later
  for (const TocEntry& entry : archive) {
    if (entry.path.is_root()) continue;  // the destination folder itself stays as it is
    if (entry.kind == TocEntry::Kind::file) extract(entry, input, into);
    if (entry.kind == TocEntry::Kind::hard_link) links.push_back(entry);
  }
  for (const TocEntry& link : links) extract_link(link, into);
}

RootedPath CopyPlanner::archive_target(const RootedPath& path, const RootedPath& into) {
  RootedPath wanted = into.join(path.relative());
  RootedPath parent = resolve(wanted.parent());
  make_folders(parent, kPlainFolder);
  return parent.child(wanted.name());
}

/// Puts what an archive holds at a path, whatever was there; folders onto folders are merged.
void CopyPlanner::replace(const RootedPath& at, PlannedEntry entry) {
  check_name(at);
  auto seen = find(at);
  bool was_folder = seen && is_folder(seen->meta);
  bool merge = was_folder && entry.kind == TocEntry::Kind::file && is_folder(entry.meta);
  if (was_folder && !merge) forget_below(at);
  auto before = plan_.find(at);
  entry.fresh = merge ? before != plan_.end() && before->second.fresh : true;
  file_of_.erase(at);
  plan_.insert_or_assign(at, std::move(entry));
}

void CopyPlanner::extract(const TocEntry& entry, std::size_t input, const RootedPath& into) {
  RootedPath at = archive_target(entry.path, into);
  PlannedEntry planned{.meta = entry.meta, .input = input};
  if (options_.owner) std::tie(planned.meta.uid, planned.meta.gid) = *options_.owner;
  if (entry.meta.type == FileType::regular) planned.archive_offset = entry.data_offset;
  replace(at, std::move(planned));
}

/// The link becomes one more name of what its target is now: a file of the archive, or one that was there before.
void CopyPlanner::extract_link(const TocEntry& link, const RootedPath& into) {
  RootedPath at = archive_target(link.path, into);
  RootedPath wanted = into.join(link.link_to.relative());
  RootedPath target = resolve(wanted.parent()).child(wanted.name());
  auto seen = find(target);
  if (!seen || is_folder(seen->meta) || target == at || target.is_below(at)) {
    throw_error(ErrorKind::input, "{} cannot be a hard link to {}: {}", printable(at.str()), printable(target.str()),
                seen && is_folder(seen->meta) ? "a folder" : "no such file");
  }
  if (!seen->planned) {
    replace(at, {.kind = TocEntry::Kind::hard_link, .meta = std::move(seen->meta), .link_to = target});
    return;
  }
  auto [file, is_first] = file_of_.try_emplace(target, files_.size());
  if (is_first) files_.push_back(plan_.at(target));
  std::size_t number = file->second;
  replace(at, files_[number]);
  file_of_[at] = number;
}

/// Of the names of one file the first in path order carries the bytes, since a layer's links point backwards.
void CopyPlanner::settle_hard_links() {
  std::vector<const RootedPath*> first(files_.size());
  for (const auto& [path, file] : file_of_) {
    PlannedEntry& entry = plan_.at(path);
    entry = files_[file];
    if (first[file]) {
      entry = {.kind = TocEntry::Kind::hard_link, .meta = std::move(entry.meta), .link_to = *first[file]};
    } else {
      first[file] = &path;
    }
  }
}

CopyPlan CopyPlanner::take() {
  settle_hard_links();
  return std::move(plan_);
}

}  // namespace imgb
