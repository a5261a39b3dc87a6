#include <algorithm>

#include "builder/directives.h"
#include "builder/dockerfile_error.h"
#include "builder/heredoc.h"
#include "builder/line_reader.h"
#include "builder/parsed_file.h"
#include "builder/split_instruction.h"
#include "builder/text_scan.h"

namespace imgb {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class FileParser {
 public:
  explicit FileParser(SharedSource source) : source_(std::move(source)), lines_(text_of(*source_)) {}

  ParsedFile run() {
    check_size();
    while (auto line = lines_.next()) take_line(*line);
    if (result_.instructions.empty()) fail({lines_.line(), lines_.line()}, "file with no instructions");
    result_.source = source_;
    result_.escape = directives_.escape();
    result_.directives = directives_.finish();
    return std::move(result_);
  }

 private:
  static std::string_view text_of(const SourceText& source) {
    std::string_view text = source.text;
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    return text;
  }

  [[noreturn]] void fail(LineRange lines, std::string message) const {
    fail(lines, Error(ErrorKind::input, std::move(message)));
  }
  [[noreturn]] void fail(LineRange lines, const Error& error) const {
    throw DockerfileError(error.kind(),
                          fmt::format("dockerfile parse error on line {}: {}", lines.first, error.message()), source_,
                          {locate(*source_, lines, error)});
  }

  /// Runs `body`; what it throws gets the lines and the usual prefix.
  template <class Body>
  decltype(auto) at(LineRange lines, Body body) const {
    try {
      return body();
    } catch (const Error& e) {
      fail(lines, e);
    }
  }

  void check_size() const {
    const std::string& text = source_->text;
    if (text.empty()) {
      throw DockerfileError(ErrorKind::input, "the Dockerfile cannot be empty", source_, {});
    }
    if (text.size() <= kMaxDockerfileBytes) return;
    auto newlines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(kMaxDockerfileBytes), '\n');
    auto line = static_cast<std::size_t>(newlines) + 1;
    fail({line, line}, fmt::format("the file is larger than {} bytes", kMaxDockerfileBytes));
  }

  void take_line(std::string_view bytes) {
    const std::size_t first = lines_.line();
    std::string_view line = trim_spaces_left(trim_newline(bytes));
    if (at({first, first}, [&] { return directives_.take(line, first); })) return;
    if (is_comment(line)) return take_comment(line);
    if (line.empty()) return;
    std::string joined = join_continuations(line);
    add(split_logical(joined, {first, lines_.line()}), first);
  }

  void take_comment(std::string_view line) {
    std::string_view text = trim_spaces(line.substr(1));
    if (text.empty()) {
      comments_.clear();
    } else {
      comments_.emplace_back(text);
    }
  }

  std::string join_continuations(std::string_view line) {
    std::string joined;
    bool more = cut_continuation(line, directives_.escape());
    joined += line;
    while (more) {
      auto next = lines_.next();
      if (!next) break;
      line = trim_newline(*next);
      if (is_comment(line) || trim_spaces_left(line).empty()) continue;
      more = cut_continuation(line, directives_.escape());
      joined += line;
    }
    return joined;
  }

  RawInstruction split_logical(std::string_view joined, LineRange lines) const {
    if (joined.find('\0') != std::string_view::npos) {
      fail(lines, "the line holds a NUL byte; the file must be UTF-8 text");
    }
    return at(lines, [&] { return split_instruction(joined, directives_.escape()); });
  }

  void add(RawInstruction made, std::size_t first) {
    if (result_.instructions.size() == kMaxInstructions) {
      fail({first, first}, fmt::format("more than {} instructions", kMaxInstructions));
    }
    made.comments = std::move(comments_);
    comments_.clear();
    if (can_have_heredocs(made, first)) read_heredocs(made, first);
    made.lines = {first, lines_.line()};
    if (made.name == "ONBUILD") made.trigger_text = trigger_of(made);
    result_.instructions.push_back(std::move(made));
  }

  bool can_have_heredocs(const RawInstruction& made, std::size_t first) const {
    auto takes = [](const RawInstruction& raw) {
      return !raw.json && (raw.name == "RUN" || raw.name == "COPY" || raw.name == "ADD");
    };
    if (made.name != "ONBUILD" || made.args.empty()) return takes(made);
    return at({first, lines_.line()},
              [&] { return takes(split_instruction(made.args.front(), directives_.escape())); });
  }

  void read_heredocs(RawInstruction& made, std::size_t first) {
    made.heredocs = at({first, lines_.line()}, [&] { return heredocs_of_line(made.original); });
    for (Heredoc& heredoc : made.heredocs) read_body(heredoc, first);
  }

  void read_body(Heredoc& heredoc, std::size_t first) {
    while (auto bytes = lines_.next()) {
      std::string_view line = trim_newline(*bytes);
      if (heredoc.chomp) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      if (line == heredoc.name) return;
      heredoc.content += *bytes;
    }
    fail({first, lines_.line()}, "unterminated heredoc");
  }

  static std::string trigger_of(const RawInstruction& made) {
    std::string_view text = trim_spaces_left(made.original);
    text = trim_spaces_left(text.substr(made.name.size()));
    std::string trigger(text);
    for (const Heredoc& heredoc : made.heredocs) trigger += "\n" + heredoc.content + heredoc.name;
    return trigger;
  }

  SharedSource source_;
  LineReader lines_;
  DirectiveParser directives_;
  std::vector<std::string> comments_;
  ParsedFile result_;
};

}  // namespace

ParsedFile parse_file(SharedSource source) { return FileParser(std::move(source)).run(); }

}  // namespace imgb
