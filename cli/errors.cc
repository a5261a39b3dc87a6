#include "cli/errors.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

#include "builder/dockerfile_error.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

// Messages may quote hostile text (a registry's answer, a file name); each line is made harmless by itself.
std::string safe_lines(std::string_view text) {
  std::string safe;
  for (std::string_view line : split(text, '\n')) {
    if (!safe.empty()) safe += '\n';
    safe += printable(line, 8 * 1024);
  }
  return safe;
}

std::string details(const Error& error) {
  std::string text = fmt::format("  kind: {}\n", name_of(error.kind()));
  if (const auto* system = dynamic_cast<const SystemError*>(&error))
    text += fmt::format("  errno: {}\n", system->errno_value());
  for (const std::string& frame : error.frames()) text += "  while: " + safe_lines(frame) + "\n";
  return text;
}

int exit_code_of(const Error& error, const FailureOptions& options) {
  if (const auto* with_code = dynamic_cast<const ExitError*>(&error)) return with_code->exit_code();
  return error.kind() == ErrorKind::usage ? options.usage_code : options.failure_code;
}

/// What the C++ library throws says less than we know.
std::string words_of_library(const std::exception& failure) {
  if (dynamic_cast<const std::bad_alloc*>(&failure)) return "out of memory";
  const auto* system = dynamic_cast<const std::system_error*>(&failure);
  if (system && system->code() == std::errc::resource_unavailable_try_again)
    return "no more threads can be started: too little memory, or the limit on processes (ulimit -u) is too low";
  return failure.what();
}

/// What the system's words do not tell: what to do.
std::string hint_for_words(std::string_view text) {
  auto says = [&](int number) { return text.find(std::strerror(number)) != std::string_view::npos; };
  if (says(EROFS)) return "on a read-only file system images can be read, not made or run: --root names another store";
  if (says(ENOENT) && text.find(" /proc/") != std::string_view::npos)
    return "imgb needs /proc: mount -t proc proc /proc";
  if (says(EFBIG)) return "the limit on the size of files (ulimit -f) or the file system allows no more";
  if (says(EMFILE)) return "the limit on open files (ulimit -n) is too low";
  return "";
}

}  // namespace

bool is_out_of_space(const std::exception& failure) {
  // By its words: they may have come from a child process, or be wrapped as a Dockerfile's error.
  std::string_view text = failure.what();
  auto says = [&](std::string_view words) { return text.find(words) != std::string_view::npos; };
  return says(std::strerror(ENOSPC)) || says(std::strerror(EDQUOT)) || says("no space: ");
}

bool is_in_the_way(const std::exception& failure, const std::string& root) {
  std::string_view text = failure.what();
  bool in_store = text.find(root + "/") != std::string_view::npos;
  auto says = [&](std::string_view words) { return text.find(words) != std::string_view::npos; };
  return in_store && (says(std::strerror(EISDIR)) || says(std::strerror(ENOTDIR)) || says(std::strerror(ELOOP)) ||
                      says("is not a regular file"));
}

Failure render_failure(const std::exception& failure, const FailureOptions& options) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  if (!error) return {"imgb: " + safe_lines(words_of_library(failure)) + "\n", options.failure_code};
  if (error->kind() == ErrorKind::cancelled && options.signal) return {"imgb: stopped\n", 128 + options.signal};
  if (error->kind() == ErrorKind::cancelled && error->message().empty()) return {"", options.failure_code};
  Failure shown{{}, exit_code_of(*error, options)};
  if (const auto* at_source = dynamic_cast<const DockerfileError*>(error)) shown.text += render_snippet(*at_source);
  shown.text += "imgb: " + safe_lines(error->what()) + "\n";
  if (options.debug) shown.text += details(*error);
  if (error->kind() == ErrorKind::internal) shown.text += "this is a bug in imgb\n";
  std::string hint = error->hint();
  if (hint.empty()) hint = options.hint;
  if (hint.empty()) hint = hint_for_words(error->what());
  if (!hint.empty()) shown.text += "hint: " + safe_lines(hint) + "\n";
  return shown;
}

}  // namespace imgb
