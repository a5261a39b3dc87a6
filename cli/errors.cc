#include "cli/errors.h"

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

}  // namespace

Failure render_failure(const std::exception& failure, int failure_code, int usage_code, int signal) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  if (!error) return {"imgb: " + safe_lines(failure.what()) + "\n", failure_code};
  if (error->kind() == ErrorKind::cancelled && (signal || error->message().empty()))
    return {signal ? "imgb: stopped\n" : "", signal ? 128 + signal : failure_code};
  Failure shown{{}, error->kind() == ErrorKind::usage ? usage_code : failure_code};
  if (const auto* with_code = dynamic_cast<const ExitError*>(error)) shown.exit_code = with_code->exit_code();
  if (const auto* at_source = dynamic_cast<const DockerfileError*>(error)) shown.text += render_snippet(*at_source);
  shown.text += "imgb: " + safe_lines(error->what()) + "\n";
  if (error->kind() == ErrorKind::internal) shown.text += "this is a bug in imgb\n";
  if (!error->hint().empty()) shown.text += "hint: " + safe_lines(error->hint()) + "\n";
  return shown;
}

}  // namespace imgb
