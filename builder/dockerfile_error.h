#pragma once
#include <string>
#include <vector>

#include "builder/source_text.h"
#include "core/base/error.h"

namespace imgb {

/// An error that belongs to lines of a Dockerfile: `cli` prints `render_snippet` before the message.
class DockerfileError : public Error {
 public:
  DockerfileError(ErrorKind kind, std::string message, SharedSource source, std::vector<SourceLocation> locations)
      : Error(kind, std::move(message)), source_(std::move(source)), locations_(std::move(locations)) {}
  /// The same error (kind, message, frames, hint) with a place.
  DockerfileError(const Error& error, SharedSource source, std::vector<SourceLocation> locations);

  const SharedSource& source() const { return source_; }  ///< May be null: then there is no snippet.
  const std::vector<SourceLocation>& locations() const { return locations_; }

 private:
  SharedSource source_;
  std::vector<SourceLocation> locations_;
};

/// An error about a piece of an instruction, as it is written there: where it is found gets a caret.
class WordError : public Error {
 public:
  WordError(ErrorKind kind, std::string message, std::string word)
      : Error(kind, std::move(message)), word_(std::move(word)) {}
  const std::string& word() const { return word_; }

 private:
  std::string word_;
};

/// The lines, and the column of what the error is about when it is a WordError whose word stands in them.
SourceLocation locate(const SourceText& source, LineRange lines, const Error& error);

/// Runs `body`; an Error without a place gets this one. DockerfileErrors pass unchanged: the innermost place is the
/// best.
template <class Body>
decltype(auto) at_lines(const SharedSource& source, LineRange lines, Body body) {
  try {
    return body();
  } catch (const DockerfileError&) {
    throw;
  } catch (const Error& e) {
    throw DockerfileError(e, source, {locate(*source, lines, e)});
  }
}

/// The lines around a place, as BuildKit shows them (dockerfile.md 6.4), ending in a newline:
///
///     Dockerfile:2
///     --------------------
///        1 |     FROM busybox
///        2 | >>> RUN false
///        3 |
///     --------------------
///
/// A known column adds a caret below its line. Control characters are shown as \xNN. A place whose
/// lines are not in the file gives "".
std::string render_snippet(const SourceText& source, const SourceLocation& location);
std::string render_snippet(const DockerfileError& error);  ///< All places, in order; "" when there is none.

}  // namespace imgb
