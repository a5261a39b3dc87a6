#pragma once
#include <optional>
#include <string_view>

#include "core/base/dir.h"
#include "core/base/error.h"

namespace imgb {

/// A lock on an open file (flock): released when destroyed. Holds between processes and between threads, since every
/// lock opens the file anew.
class FileLock {
 public:
  enum class Mode { shared, exclusive };
  /// Waits. Makes the file. A shared lock needs no leave to write: where there is none it is on what can be read.
  static FileLock take(const Dir& dir, std::string_view name, Mode mode);
  static std::optional<FileLock> try_take(const Dir& dir, std::string_view name, Mode mode);  ///< nullopt: held.
  /// Another has it just now, in any mode. Makes no file, so that it needs no room.
  static bool is_held(const Dir& dir, std::string_view name);
  /// Changes the mode in place; false when another holds it and `wait` is false (the old mode may then be lost for a
  /// moment, as flock(2) says; it is taken again before this returns).
  bool change(Mode mode, bool wait);
  bool is_read_only() const { return read_only_; }  ///< The file cannot be written, on a read-only disk for one.

 private:
  FileLock(Fd fd, Mode mode, bool read_only = false) : fd_(std::move(fd)), mode_(mode), read_only_(read_only) {}
  Fd fd_;
  Mode mode_;
  bool read_only_;
};

/// Locks an open file itself, for as long as the descriptor lives. False: another holds it.
bool try_lock(const Fd& file);
void lock(const Fd& file);

bool forbids_writing(const SystemError& failure);  ///< Whatever is written there fails so, not this alone.

}  // namespace imgb
