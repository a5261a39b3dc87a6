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
  layer,         ///< layerfs: blob digest -> what is known of a layer
  remote_file,   ///< builder: URL -> ETag, Last-Modified, digest
};

/// ROOT/cache.db: derived and disposable. Any trouble with it is a forgotten entry, never a failure. A file that is
/// torn, foreign or of another version is replaced by a new one; one that merely cannot be used now (locked too long,
/// disk full) stays as it is, and everything is a miss. Opened at first use. Threads: all functions may be called at
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
  /// Sorted by key; of keys that begin with `prefix`.
  void for_each(CacheTable table, const std::function<void(const Row&)>& visit, std::string_view prefix = {});
  std::vector<std::string> keys(CacheTable table, std::string_view prefix = {});
  void remove_unused_since(CacheTable table, Nanoseconds time, std::string_view prefix = {});
  void shrink();  ///< Gives the space of removed entries back.
  /// Everything put inside `body` on this thread lands in one transaction.
  void together(const std::function<void()>& body);
  /// Why there is no cache; nullopt when there is one, or nobody has asked it anything.
  std::optional<std::string> trouble() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
