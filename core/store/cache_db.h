#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dir.h"
#include "core/base/time.h"

namespace imgb {

/// What the rooms remember between runs. Values are opaque to the store; each table's owner documents its format.
enum class CacheTable {
  step,          ///< builder: cache key -> result of a step
  explain,       ///< builder: place of a step -> what its key was made of
  context_stat,  ///< builder: context folder -> stat cache
  layer,         ///< layerfs: DiffId or blob digest -> what is known of a layer
  remote_file,   ///< builder: URL -> ETag, Last-Modified, digest
};

/// ROOT/cache.db: derived and disposable. Any trouble with it (absent, torn, locked too long, disk full, newer version)
/// is a forgotten entry or a new file, never a failure. Opened at first use. Threads: all functions may be called at
/// once.
class CacheDb {
 public:
  explicit CacheDb(const Dir& root);
  CacheDb(CacheDb&&) noexcept;
  ~CacheDb();

  std::optional<std::string> find(CacheTable table, std::string_view key);  ///< Marks it used.
  void put(CacheTable table, std::string_view key, std::string_view value);
  void remove(CacheTable table, std::string_view key);
  struct Row {
    std::string key, value;
    Nanoseconds last_used = 0;
  };
  void for_each(CacheTable table, const std::function<void(const Row&)>& visit);
  /// Everything put inside `body` on this thread lands in one transaction.
  void together(const std::function<void()>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
