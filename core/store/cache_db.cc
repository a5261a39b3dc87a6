#include "core/store/cache_db.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <map>
#include <mutex>

#include "core/base/error.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr int kVersion = 2;
constexpr Nanoseconds kTouchEvery = 3600 * kNanosecondsPerSecond;  // "last used" is exact to the hour

/// SQLite said no. Never leaves this file: the cache forgets instead.
struct Trouble {
  bool damaged = false;  ///< The file itself is broken.
  explicit Trouble(int code) : damaged((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB) {}
  Trouble() = default;
};

struct Statement {
  sqlite3_stmt* raw = nullptr;
  Statement(sqlite3* db, const char* sql) {
    if (int code = sqlite3_prepare_v2(db, sql, -1, &raw, nullptr); code != SQLITE_OK) throw Trouble(code);
  }
  Statement(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(raw); }
  Statement& bind(int at, std::int64_t value) {
    sqlite3_bind_int64(raw, at, value);
    return *this;
  }
  Statement& bind(int at, std::string_view bytes) {
    sqlite3_bind_blob64(raw, at, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
    return *this;
  }
  bool step() {
    int result = sqlite3_step(raw);
    if (result != SQLITE_ROW && result != SQLITE_DONE) throw Trouble(result);
    return result == SQLITE_ROW;
  }
  std::string bytes(int column) {
    const void* data = sqlite3_column_blob(raw, column);
    return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(raw, column))};
  }
};

void run(sqlite3* db, const char* sql) {
  if (int code = sqlite3_exec(db, sql, nullptr, nullptr, nullptr); code != SQLITE_OK) throw Trouble(code);
}

std::int64_t number_of(CacheTable table) { return static_cast<std::int64_t>(table); }

}  // namespace

struct CacheDb::State {
  explicit State(const Dir& where) : root(where.duplicate()) {}
  ~State() {
    flush_touched();
    sqlite3_close_v2(db);
  }

  /// nullptr when no database is to be had; then everything is a miss.
  sqlite3* open() {
    if (tried) return db;
    tried = true;
    if (!try_open()) {
      // Torn, foreign or of a newer version: derived data, so it starts anew.
      remove_files();
      try_open();
    }
    return db;
  }

  void remove_files() {
    try {
      for (const char* suffix : {"", "-wal", "-shm", "-journal"})
        root.remove_tree(std::string(layout::kCache) + suffix);
    } catch (const Error&) {
      // A store that cannot be written to has no cache; what is to be kept fails louder.
    }
  }

  bool try_open() {
    sqlite3_close_v2(std::exchange(db, nullptr));
    // By the folder's descriptor: the root may be named by a path that is gone or too long.
    std::string path = fmt::format("/proc/self/fd/{}/{}", root.fd().get(), layout::kCache);
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    try {
      if (sqlite3_open_v2(path.c_str(), &db, kFlags, nullptr) != SQLITE_OK) throw Trouble();
      sqlite3_busy_timeout(db, 5000);
      run(db, "PRAGMA synchronous=OFF");
      std::int64_t found = version();
      if (found != 0 && found != kVersion) throw Trouble();
      if (found == 0) create();
      return true;
    } catch (const Trouble&) {
      sqlite3_close_v2(std::exchange(db, nullptr));
      return false;
    }
  }

  std::int64_t version() {
    Statement query(db, "PRAGMA user_version");
    query.step();
    return sqlite3_column_int64(query.raw, 0);
  }

  void create() {
    run(db, "PRAGMA journal_mode=WAL");
    run(db,
        "BEGIN IMMEDIATE;"
        // With row ids: else values lie in the tree that is searched, and a search reads every large one that it
        // passes.
        "CREATE TABLE IF NOT EXISTS entry(tab INTEGER, key BLOB, value BLOB, used INTEGER, PRIMARY KEY(tab, key));"
        "PRAGMA user_version=2;"
        "COMMIT");
  }

  /// Runs `body` on the open database; trouble in it is `otherwise`.
  template <class Result, class Body>
  Result attempt(Result otherwise, Body body) {
    std::lock_guard hold(mutex);
    try {
      return open() ? body() : std::move(otherwise);
    } catch (const Trouble& trouble) {
      if (!trouble.damaged) return otherwise;
      // A page deep inside is broken, which opening did not see: the next call finds a new file.
      sqlite3_close_v2(std::exchange(db, nullptr));
      tried = false;
      remove_files();
      return otherwise;
    }
  }

  void flush_touched() {
    if (!db || touched.empty()) return;
    try {
      run(db, "BEGIN IMMEDIATE");
      for (const auto& [entry, time] : touched)
        Statement(db, "UPDATE entry SET used=? WHERE tab=? AND key=?")
            .bind(1, time)
            .bind(2, entry.first)
            .bind(3, entry.second)
            .step();
      run(db, "COMMIT");
    } catch (const Trouble&) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    touched.clear();
  }

  Dir root;
  std::recursive_mutex mutex;  // recursive for together()
  sqlite3* db = nullptr;
  bool tried = false;
  /// Entries that were read: one write at the end instead of one a read.
  std::map<std::pair<std::int64_t, std::string>, Nanoseconds> touched;
};

CacheDb::CacheDb(const Dir& root) : state_(std::make_unique<State>(root)) {}
CacheDb::CacheDb(CacheDb&&) noexcept = default;
CacheDb::~CacheDb() = default;

std::optional<std::string> CacheDb::find(CacheTable table, std::string_view key) {
  return state_->attempt(std::optional<std::string>(), [&]() -> std::optional<std::string> {
    Statement query(state_->db, "SELECT value, used FROM entry WHERE tab=? AND key=?");
    if (!query.bind(1, number_of(table)).bind(2, key).step()) return std::nullopt;
    if (Nanoseconds time = now(); time - sqlite3_column_int64(query.raw, 1) > kTouchEvery)
      state_->touched[{number_of(table), std::string(key)}] = time;
    return query.bytes(0);
  });
}

void CacheDb::put(CacheTable table, std::string_view key, std::string_view value) {
  state_->attempt(false, [&] {
    Statement insert(state_->db, "INSERT OR REPLACE INTO entry(tab, key, value, used) VALUES(?, ?, ?, ?)");
    return insert.bind(1, number_of(table)).bind(2, key).bind(3, value).bind(4, now()).step();
  });
}

void CacheDb::remove(CacheTable table, std::string_view key) {
  state_->attempt(false, [&] {
    state_->touched.erase({number_of(table), std::string(key)});
    return Statement(state_->db, "DELETE FROM entry WHERE tab=? AND key=?")
        .bind(1, number_of(table))
        .bind(2, key)
        .step();
  });
}

void CacheDb::for_each(CacheTable table, const std::function<void(const Row&)>& visit) {
  std::vector<Row> rows;  // read out first: `visit` may change the table
  state_->attempt(false, [&] {
    Statement query(state_->db, "SELECT key, value, used FROM entry WHERE tab=? ORDER BY key");
    query.bind(1, number_of(table));
    while (query.step()) rows.push_back({query.bytes(0), query.bytes(1), sqlite3_column_int64(query.raw, 2)});
    return true;
  });
  for (const Row& row : rows) visit(row);
}

void CacheDb::together(const std::function<void()>& body) {
  std::lock_guard hold(state_->mutex);
  bool begun = state_->attempt(false, [&] {
    run(state_->db, "BEGIN IMMEDIATE");
    return true;
  });
  try {
    body();
  } catch (...) {
    if (begun) sqlite3_exec(state_->db, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
  if (begun && sqlite3_exec(state_->db, "COMMIT", nullptr, nullptr, nullptr) != SQLITE_OK)
    sqlite3_exec(state_->db, "ROLLBACK", nullptr, nullptr, nullptr);  // forgotten
}

}  // namespace imgb
