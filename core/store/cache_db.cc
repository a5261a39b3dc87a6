#include "core/store/cache_db.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <map>
#include <mutex>

#include "core/base/error.h"
#include "core/store/file_lock.h"
#include "core/store/layout.h"

namespace imgb {
namespace {

constexpr int kVersion = 2;
constexpr Nanoseconds kTouchEvery = 3600 * kNanosecondsPerSecond;  // "last used" is exact to the hour

/// SQLite said no. Never leaves this file: the cache forgets instead.
struct Trouble {
  int code;
  bool damaged;  ///< The file itself is broken, or not ours: it will never be of use again.
  explicit Trouble(int why) : code(why), damaged((code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB) {}
  static Trouble of_version() {
    Trouble trouble(SQLITE_MISMATCH);
    trouble.damaged = true;
    return trouble;
  }
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
  /// For "substr(key, 1, at)=at+1": the bytes and how many.
  Statement& bind_prefix(int at, std::string_view prefix) {
    return bind(at, static_cast<std::int64_t>(prefix.size())).bind(at + 1, prefix);
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
    try {
      auto trouble = root.find_stat(layout::kCache) ? try_open() : start_anew();
      if (trouble && trouble->damaged) trouble = start_anew();
      why_none = trouble ? std::optional(sqlite3_errstr(trouble->code)) : std::nullopt;
    } catch (const Error& e) {
      why_none = e.what();  // what is to be kept fails louder
    }
    return db;
  }

  /// Derived data: what cannot be read makes way for a new file. One process does it, the others find that.
  std::optional<Trouble> start_anew() {
    FileLock alone = FileLock::take(root, layout::kCacheLock, FileLock::Mode::exclusive);
    auto trouble = try_open();
    if (!trouble || !trouble->damaged) return trouble;
    remove_files();
    return try_open();
  }

  void remove_files() {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) root.remove_tree(std::string(layout::kCache) + suffix);
  }

  std::optional<Trouble> try_open() {
    sqlite3_close_v2(std::exchange(db, nullptr));
    // By the folder's descriptor: the root may be named by a path that is gone or too long.
    std::string path = fmt::format("/proc/self/fd/{}/{}", root.fd().get(), layout::kCache);
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    try {
      if (int code = sqlite3_open_v2(path.c_str(), &db, kFlags, nullptr); code != SQLITE_OK) throw Trouble(code);
      sqlite3_busy_timeout(db, 5000);
      run(db, "PRAGMA synchronous=OFF");
      std::int64_t found = version();
      if (found != 0 && found != kVersion) throw Trouble::of_version();
      if (found == 0) create();
      file = root.find_stat(layout::kCache);
      return std::nullopt;
    } catch (const Trouble& trouble) {
      sqlite3_close_v2(std::exchange(db, nullptr));
      return trouble;
    }
  }

  std::int64_t version() {
    Statement query(db, "PRAGMA user_version");
    query.step();
    return sqlite3_column_int64(query.raw, 0);
  }

  void create() {
    run(db, "PRAGMA auto_vacuum=INCREMENTAL");
    run(db, "PRAGMA journal_mode=WAL");
    std::string statements =
        "BEGIN IMMEDIATE;"
        // With row ids: else values lie in the tree that is searched, and a search reads every large one that it
        // passes.
        "CREATE TABLE IF NOT EXISTS entry(tab INTEGER, key BLOB, value BLOB, used INTEGER, PRIMARY KEY(tab, key));"
        "PRAGMA user_version=";
    run(db, (statements + std::to_string(kVersion) + ";COMMIT").c_str());
  }

  /// Runs `body` on the open database; trouble in it is `otherwise`.
  template <class Result, class Body>
  Result attempt(Result otherwise, Body body) {
    std::lock_guard hold(mutex);
    try {
      return open() ? body() : std::move(otherwise);
    } catch (const Trouble& trouble) {
      if (!trouble.damaged) return otherwise;
      give_up();
      return otherwise;
    }
  }

  /// A page deep inside is broken, which opening did not see: the next call finds a new file. One that another process
  /// has put in its place stays.
  void give_up() {
    try {
      FileLock alone = FileLock::take(root, layout::kCacheLock, FileLock::Mode::exclusive);
      auto there = root.find_stat(layout::kCache);
      if (there && file && there->inode == file->inode && there->device == file->device) remove_files();
      tried = false;
    } catch (const Error& e) {
      why_none = e.what();
    }
    sqlite3_close_v2(std::exchange(db, nullptr));
  }

  void flush_touched() {
    if (!db || touched.empty()) return;
    bool alone = sqlite3_get_autocommit(db) != 0;  // else inside together()
    try {
      if (alone) run(db, "BEGIN IMMEDIATE");
      for (const auto& [entry, time] : touched)
        Statement(db, "UPDATE entry SET used=? WHERE tab=? AND key=?")
            .bind(1, time)
            .bind(2, entry.first)
            .bind(3, entry.second)
            .step();
      if (alone) run(db, "COMMIT");
    } catch (const Trouble&) {
      if (alone) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
    }
    touched.clear();
  }

  Dir root;
  std::recursive_mutex mutex;  // recursive for together()
  sqlite3* db = nullptr;
  bool tried = false;
  std::optional<FileStat> file;  ///< Which one `db` is.
  std::optional<std::string> why_none;
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

void CacheDb::for_each(CacheTable table, const std::function<void(const Row&)>& visit, std::string_view prefix) {
  std::vector<Row> rows;  // read out first: `visit` may change the table
  state_->attempt(false, [&] {
    Statement query(state_->db, "SELECT key, value, used FROM entry WHERE tab=? AND substr(key, 1, ?)=? ORDER BY key");
    query.bind(1, number_of(table)).bind_prefix(2, prefix);
    while (query.step()) rows.push_back({query.bytes(0), query.bytes(1), sqlite3_column_int64(query.raw, 2)});
    return true;
  });
  for (const Row& row : rows) visit(row);
}

std::vector<std::string> CacheDb::keys(CacheTable table, std::string_view prefix) {
  std::vector<std::string> keys;
  state_->attempt(false, [&] {
    Statement query(state_->db, "SELECT key FROM entry WHERE tab=? AND substr(key, 1, ?)=? ORDER BY key");
    query.bind(1, number_of(table)).bind_prefix(2, prefix);
    while (query.step()) keys.push_back(query.bytes(0));
    return true;
  });
  return keys;
}

void CacheDb::remove_unused_since(CacheTable table, Nanoseconds time, std::string_view prefix) {
  state_->attempt(false, [&] {
    state_->flush_touched();
    Statement removal(state_->db, "DELETE FROM entry WHERE tab=? AND used<? AND substr(key, 1, ?)=?");
    return removal.bind(1, number_of(table)).bind(2, time).bind_prefix(3, prefix).step();
  });
}

void CacheDb::shrink() {
  state_->attempt(false, [&] {
    Statement mode(state_->db, "PRAGMA auto_vacuum");
    constexpr int kIncremental = 2;
    bool can = mode.step() && sqlite3_column_int(mode.raw, 0) == kIncremental;
    sqlite3_reset(mode.raw);
    // A file of earlier times is written anew once.
    run(state_->db, can ? "PRAGMA incremental_vacuum" : "PRAGMA auto_vacuum=INCREMENTAL; VACUUM");
    run(state_->db, "PRAGMA wal_checkpoint(TRUNCATE)");
    return true;
  });
}

std::optional<std::string> CacheDb::trouble() const {
  std::lock_guard hold(state_->mutex);
  return state_->why_none;
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
