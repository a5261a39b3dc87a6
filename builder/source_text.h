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

/// A place in a source. `column` counts bytes from 1 in the first line; 0 when only the lines are known.
struct SourceLocation {
  LineRange lines;
  std::size_t column = 0;
  friend bool operator==(const SourceLocation&, const SourceLocation&) = default;
};

}  // namespace imgb
