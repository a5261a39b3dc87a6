#include "builder/copy_selection.h"

#include <algorithm>

#include "builder/copy_walk.h"
#include "builder/glob.h"
#include "builder/ignore.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

[[noreturn]] void throw_not_found(const CopyTree& tree, const RootedPath& path) {
  Error missing(ErrorKind::not_found, fmt::format("failed to calculate checksum: {}: not found", go_quote(path.str())));
  RootedPath folder = path.is_root() ? path : resolve_links(tree, path.parent());
  auto there = tree.find(folder);
  if (folder.is_root() || (there && there->node.meta.type == FileType::directory)) {
    std::vector<std::string> names;
    for (const auto& entry : tree.children(folder))
      if (!entry.only_parent) names.emplace_back(entry.node.path.name());
    auto same = std::ranges::find_if(names, [&](const auto& name) { return iequals_ascii(name, path.name()); });
    auto nearest = same != names.end() ? std::optional(*same) : find_nearest(path.name(), names);
    if (nearest) missing.set_hint("did you mean " + printable(folder.child(*nearest).relative()) + "?");
  }
  throw missing;
}

/// Splits a pattern at its first component with a wildcard: the literal part and the components after it.
struct SplitPattern {
  RootedPath literal;
  std::vector<std::string> rest;
};
SplitPattern split_pattern(const RootedPath& pattern) {
  SplitPattern split;
  for (auto part : pattern.components()) {
    if (has_wildcard(part) && !match_path(part, "")) {
      throw_error(ErrorKind::input, "syntax error in pattern {}", printable(go_quote(part)));
    }
    if (split.rest.empty() && !has_wildcard(part)) {
      split.literal = split.literal.child(part);
    } else {
      split.rest.emplace_back(part);
    }
  }
  return split;
}

void match_below(const CopyTree& tree, const RootedPath& folder, std::span<const std::string> parts,
                 std::vector<RootedPath>& matches) {
  for (const auto& entry : tree.children(folder)) {
    if (match_path(parts.front(), entry.node.path.name()) != true) continue;
    if (parts.size() == 1) {
      if (!entry.only_parent || entry.node.meta.type == FileType::directory) matches.push_back(entry.node.path);
    } else if (entry.node.meta.type == FileType::directory) {
      match_below(tree, entry.node.path, parts.subspan(1), matches);
    }
  }
}

/// Go takes the pattern's backslash as an escape only in patterns; a literal path is used as it is.
RootedPath clean_pattern(std::string_view pattern) { return RootedPath::clean(pattern); }

std::optional<CopyItem> make_item(const CopyTree& tree, const RootedPath& as_written, const IgnoreMatcher& exclude,
                                  const std::stop_token& stop) {
  RootedPath root = resolve_links(tree, as_written);
  auto entry = tree.find(root);
  if (!entry) throw_not_found(tree, as_written);
  CopyItem item{std::string(as_written.name()), root, {}, false};
  bool folder = entry->node.meta.type == FileType::directory;
  // dockerfile.md 3.3 "--exclude": a source that is itself a file is tested by its name.
  if (!folder && exclude.ignores(as_written.name())) return std::nullopt;
  item.nodes.push_back(std::move(entry->node));
  if (folder) walk_below(tree, root, nullptr, exclude, stop, item.nodes);
  return item;
}

std::vector<CopyItem> select_with_parents(const CopyTree& tree, std::string_view pattern, const IgnoreMatcher& exclude,
                                          const std::stop_token& stop) {
  std::string_view base, kept = pattern;
  if (std::size_t pivot = pattern.find("/./"); pivot != std::string_view::npos) {
    base = pattern.substr(0, pivot);
    kept = pattern.substr(pivot + 3);
  } else if (pattern.starts_with("./")) {
    kept = pattern.substr(2);
  }
  RootedPath kept_path = clean_pattern(kept);
  std::vector<RootedPath> roots{RootedPath::clean(base)};
  if (auto split = split_pattern(roots[0]); !split.rest.empty()) {
    roots.clear();
    match_below(tree, resolve_links(tree, split.literal), split.rest, roots);
  }
  bool may_miss = has_wildcard(pattern);
  std::vector<CopyItem> items;
  for (const auto& as_written : roots) {
    RootedPath root = resolve_links(tree, as_written);
    auto entry = tree.find(root);
    if (!entry || entry->node.meta.type != FileType::directory) {
      if (may_miss) continue;
      throw_not_found(tree, as_written);
    }
    CopyItem item{std::string(root.name()), root, {std::move(entry->node)}, true};
    IgnoreMatcher include(kept_path.is_root() ? std::vector<std::string>{"**"}
                                              : std::vector<std::string>{std::string(kept_path.relative())});
    walk_below(tree, root, &include, exclude, stop, item.nodes);
    if (item.nodes.size() == 1 && !may_miss) throw_not_found(tree, as_written.join(kept_path.relative()));
    if (item.nodes.size() > 1) items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

std::vector<CopyItem> select_source(const CopyTree& tree, std::string_view pattern, const SelectOptions& options,
                                    const std::stop_token& stop) {
  IgnoreMatcher exclude(options.exclude);
  if (options.parents) return select_with_parents(tree, pattern, exclude, stop);
  SplitPattern split = split_pattern(clean_pattern(pattern));
  std::vector<RootedPath> matches;
  if (split.rest.empty()) {
    matches.push_back(split.literal);
  } else {
    match_below(tree, resolve_links(tree, split.literal), split.rest, matches);
  }
  std::vector<CopyItem> items;
  for (const auto& match : matches) {
    if (auto item = make_item(tree, match, exclude, stop)) items.push_back(std::move(*item));
  }
  return items;
}

CopyItem select_subtree(const CopyTree& tree, const RootedPath& path, const std::stop_token& stop) {
  return *make_item(tree, path, IgnoreMatcher(), stop);
}

}  // namespace imgb
