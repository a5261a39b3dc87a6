#pragma once
#include <array>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/task.h"
#include "registry/client.h"
#include "registry/server/upstream.h"
#include "registry/server_store/arrival.h"
#include "registry/server_store/store_catalog.h"

namespace imgb::server {

/// A store that fills itself from other registries as clients ask. Everything is kept under its whole name, registry
/// included, so that two registries never answer for each other (V103). What a tag means is asked anew after a while;
/// when its registry does not answer, what is here counts.
class PullThrough : public Upstream {
 public:
  struct Options {
    std::set<std::string> registries;  ///< "docker.io", "quay.io": nobody else is asked.
    std::chrono::seconds tag_lifetime{60};
  };
  /// Borrows catalog and client.
  PullThrough(StoreCatalog& catalog, RegistryClient& client, Options options);

  bool covers(const std::string& repository) const override;
  bool is_fresh(const std::string& repository, const std::string& tag) const override;
  void bring_manifest(const std::string& repository, const Which& which) override;
  std::optional<Arriving> bring_blob(const std::string& repository, const Descriptor& blob) override;

 private:
  using Clock = std::chrono::steady_clock;
  bool has_same(const Reference& name);
  void note_fresh(const Reference& name);

  StoreCatalog& catalog_;
  RegistryClient& client_;
  Options options_;
  Guarded<std::map<std::string, Clock::time_point>> asked_;  ///< When a tag was, by its whole name.
  std::array<std::mutex, 64> one_asks_;                      ///< By the name's hash: of many who want one, one asks.
  Guarded<std::map<Digest, std::shared_ptr<Arrival>>> arriving_;
  TaskGroup downloads_;  // the first to end: its tasks use the others
};

/// The registries of a list ("docker.io,quay.io"). Error(usage) on what is no registry's name.
std::set<std::string> parse_registries(const std::vector<std::string>& lists);

}  // namespace imgb::server
