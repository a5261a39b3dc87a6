#pragma once
#include <fmt/core.h>

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imgb {

/// What the catcher can do about it, not where it happened.
enum class ErrorKind {
  usage,        ///< The command line is wrong: exit 2.
  input,        ///< A file the user gave is wrong (Dockerfile, image, list): show where.
  not_found,    ///< The named thing does not exist.
  denied,       ///< Not allowed: permissions, policy, a path that leaves its root.
  corrupt,      ///< Bytes do not match their digest or their format: fetch again.
  unavailable,  ///< Network or remote side, for now: try again.
  unsupported,  ///< This host, kernel or image cannot do it.
  system,       ///< A system call failed: see SystemError.
  cancelled,    ///< The user or a failed sibling stopped it.
  internal,     ///< Our bug.
};
std::string_view name_of(ErrorKind kind);

/// The one exception family. `what()` is the frames, outermost first, then the message, joined by ": ".
/// Messages are lower case, no full stop, name the thing, and never hold a token or password.
class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) { rebuild(); }

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }             ///< Without frames.
  const std::vector<std::string>& frames() const { return frames_; }  ///< Innermost first.
  const std::string& hint() const { return hint_; }                   ///< What to do about it; may be empty.
  const char* what() const noexcept override { return text_.c_str(); }

  void add_frame(std::string frame) {
    frames_.push_back(std::move(frame));
    rebuild();
  }
  /// One sentence for the user, printed on its own line: what to do now. The first one set stays.
  Error& set_hint(std::string hint) {
    if (hint_.empty()) hint_ = std::move(hint);
    return *this;
  }

 private:
  void rebuild();
  ErrorKind kind_;
  std::string message_, hint_, text_;
  std::vector<std::string> frames_;
};

/// A failed system call: the message ends in the errno's text.
class SystemError : public Error {
 public:
  SystemError(int errno_value, const std::string& what_failed);
  int errno_value() const { return errno_; }

 private:
  int errno_;
};

/// throw_error(ErrorKind::input, "bad mode {:?}", text). Marked noreturn so that callers need no dummy value.
template <class... Args>
[[noreturn]] void throw_error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// Captures errno first, then formats: throw_errno("open {}", path).
template <class... Args>
[[noreturn]] void throw_errno(fmt::format_string<Args...> format, Args&&... args) {
  int saved = errno;
  throw SystemError(saved, fmt::format(format, std::forward<Args>(args)...));
}

/// Runs `body`; on failure adds the frame that `describe()` gives. Use it where what we were doing changes.
template <class Describe, class Body>
decltype(auto) in_context(Describe describe, Body body) {
  try {
    return body();
  } catch (Error& e) {
    e.add_frame(describe());
    throw;
  }
}

/// The text of any exception, for logs and for joining workers' failures.
std::string describe(const std::exception& e);

}  // namespace imgb
