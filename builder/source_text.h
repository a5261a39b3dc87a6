#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// Lines of a file, counted from 1, both ends included. {0, 0} is "no line known".
struct LineRange {
  std::size_t first = 0, last = 0;
  friend auto operator<=>(const LineRange&, const LineRange&) = default;
};

/// A file the user wrote, kept for showing its lines in errors. Immutable, shared by everything parsed from it.
struct SourceText {
  std::string name;  ///< As people are shown it: "Dockerfile".
  std::string text;
};
using SharedSource = std::shared_ptr<const SourceText>;

/// A place in a source: whole lines, and in one of them the byte to point at when it is known.
struct SourceLocation {
  LineRange lines;
  std::size_t column = 0;       ///< From 1; 0: not known.
  std::size_t column_line = 0;  ///< The line that `column` counts in.
  friend bool operator==(const SourceLocation&, const SourceLocation&) = default;
};

}  // namespace imgb
