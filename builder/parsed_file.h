#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "builder/source_text.h"

namespace imgb {

/// A here-document of an instruction (dockerfile.md 1.5).
struct Heredoc {
  std::string name;
  std::string content;  ///< Body bytes as written, every line with its newline. Tabs not yet stripped.
  bool expand = true;   ///< No quote in the delimiter: COPY and ADD expand variables in the body.
  bool chomp = false;   ///< "<<-": leading tabs of each line do not count.
  unsigned fd = 0;
  friend bool operator==(const Heredoc&, const Heredoc&) = default;
};
std::string chomp_heredoc(std::string_view content);  ///< Without the leading tabs of each line.
inline std::string body_of(const Heredoc& heredoc) {  ///< What a file made of it holds, before expansion.
  return heredoc.chomp ? chomp_heredoc(heredoc.content) : heredoc.content;
}

/// One instruction as it stands in the file: split, not understood. Nothing is expanded.
struct RawInstruction {
  std::string name;  ///< Upper case; may be one that does not exist.
  LineRange lines;
  std::vector<std::string> flags;  ///< "--from=x", quotes and escapes removed.
  bool json = false;               ///< Exec form.
  std::vector<std::string> args;   ///< As `imgb debug parse` documents; empty for ENV and LABEL.
  std::vector<std::pair<std::string, std::string>> pairs;  ///< ENV, LABEL.
  bool legacy_pair = false;                                ///< ENV, LABEL written "key value".
  std::vector<Heredoc> heredocs;
  std::string original;               ///< Joined line, without heredoc bodies, as written (case of the name kept).
  std::vector<std::string> comments;  ///< Comment lines directly above, trimmed, without '#'.
  std::string trigger_text;           ///< ONBUILD: what the image's OnBuild list gets, bodies included.
};

struct Directive {
  std::string name, value;  ///< Lower-cased name: syntax, escape, check.
  LineRange lines;
};

struct ParsedFile {
  SharedSource source;
  char escape = '\\';
  std::vector<Directive> directives;
  std::vector<RawInstruction> instructions;
};

/// Limits that keep hostile files harmless (V44). Each error names the line.
inline constexpr std::size_t kMaxDockerfileBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kMaxInstructions = 100'000;

/// Lexes and splits a whole Dockerfile (dockerfile.md 1) in linear time. Unknown instruction names are kept.
/// Errors: DockerfileError(input) with the lines.
ParsedFile parse_file(SharedSource source);

}  // namespace imgb
