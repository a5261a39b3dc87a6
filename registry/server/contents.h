#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/task.h"
#include "core/oci/manifest.h"
#include "registry/server/catalog.h"
#include "registry/server/route.h"

namespace imgb::server {

/// A manifest that is there and was read: its bytes are right, and it is one.
struct ServedManifest {
  Descriptor descriptor;  ///< With the artifact type and the annotations that referrers are listed with.
  std::string bytes;
  std::vector<Digest> children;   ///< Of an index.
  std::vector<Descriptor> blobs;  ///< Of an image: config and layers.
  std::optional<Digest> subject;
};

/// Manifests by digest, each read and checked once as long as there is room to keep it. A file that has changed since
/// is read again. Threads: all functions may be called at once.
class Manifests {
 public:
  explicit Manifests(Catalog& catalog) : catalog_(catalog) {}
  /// nullptr when it is not there, or is no manifest. Error(corrupt) on a damaged one, which the catalog is told of.
  std::shared_ptr<const ServedManifest> find(const Digest& digest);

 private:
  struct Kept {
    FileIdentity identity;
    std::shared_ptr<const ServedManifest> manifest;  // nullptr: it is none
    std::uint64_t used = 0;
  };
  struct State {
    std::map<Digest, Kept> kept;
    std::uint64_t bytes = 0, clock = 0;
  };
  void keep(const Digest& digest, const FileIdentity& identity, std::shared_ptr<const ServedManifest> manifest);

  Catalog& catalog_;
  Guarded<State> state_;
};

/// The order of tags: as words, and only then as bytes. Spec: distribution-spec 1.1, "Listing Tags".
struct TagOrder {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using TagTable = std::map<std::string, Descriptor, TagOrder>;

/// What an index names, made ready for questions. Immutable.
struct Contents {
  std::map<std::string, TagTable> repositories;  ///< By whole name: "docker.io/library/debian".
  /// Which repositories' names lead to a manifest, children of indexes included; "" for what has no name.
  std::map<Digest, std::set<std::string>> manifests;

  bool has(const std::string& repository) const { return repositories.contains(repository); }
  /// A manifest answers through the repositories that lead to it; one without a name through all.
  bool holds(const std::string& repository, const Digest& manifest) const;
  const Descriptor* find(const std::string& repository, std::string_view tag) const;
};

/// The name of an entry of index.json: containerd's annotation (a whole name), else the specification's, which may be a
/// whole name or a tag alone. nullopt for none that can be served.
std::optional<Reference> name_of_entry(const Descriptor& entry, const std::string& own_name);

/// Pure but for `children_of`, which reads an index.
Contents contents_of(const Index& index, const std::string& own_name,
                     const std::function<std::vector<Digest>(const Digest&)>& children_of);

/// One page of a list that ascends by `Order`.
struct Page {
  std::vector<std::string> names;
  bool more = false;  ///< There are others behind it.
};
inline constexpr std::uint64_t kMaxPage = 10'000;
template <class Table>
Page page_of(const Table& table, const route::Pages& pages) {
  Page page;
  std::uint64_t n = std::min(pages.n.value_or(kMaxPage), kMaxPage);
  auto at = pages.last.empty() ? table.begin() : table.upper_bound(pages.last);
  for (; at != table.end() && page.names.size() < n; ++at) page.names.push_back(at->first);
  page.more = n > 0 && at != table.end();
  return page;
}

}  // namespace imgb::server
