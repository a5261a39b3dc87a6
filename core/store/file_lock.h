#pragma once
#include <optional>
#include <string_view>

#include "core/base/dir.h"

namespace imgb {

/// A lock on an open file (flock): released when destroyed. Holds between processes and between threads, since every
/// lock opens the file anew.
class FileLock {
 public:
  enum class Mode { shared, exclusive };
  static FileLock take(const Dir& dir, std::string_view name, Mode mode);  ///< Waits. Makes the file.
  static std::optional<FileLock> try_take(const Dir& dir, std::string_view name, Mode mode);  ///< nullopt: held.
  /// Another has it just now, in any mode. Makes no file, so that it needs no room.
  static bool is_held(const Dir& dir, std::string_view name);
  /// Changes the mode in place; false when another holds it and `wait` is false (the old mode may then be lost for a
  /// moment, as flock(2) says; it is taken again before this returns).
  bool change(Mode mode, bool wait);

 private:
  FileLock(Fd fd, Mode mode) : fd_(std::move(fd)), mode_(mode) {}
  Fd fd_;
  Mode mode_;
};

/// Locks an open file itself, for as long as the descriptor lives. False: another holds it.
bool try_lock(const Fd& file);
void lock(const Fd& file);

}  // namespace imgb
