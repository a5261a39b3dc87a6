#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/stream.h"
#include "core/base/time.h"
#include "registry/http.h"

namespace imgb {

/// A registry's answer that is not what was asked for.
class RegistryError : public Error {
 public:
  RegistryError(ErrorKind kind, std::string message, int status, std::vector<std::string> codes)
      : Error(kind, std::move(message)), status_(status), codes_(std::move(codes)) {}
  int status() const { return status_; }
  const std::vector<std::string>& codes() const { return codes_; }  ///< "MANIFEST_UNKNOWN" and the like.
  std::optional<std::chrono::milliseconds> retry_after;

 private:
  int status_;
  std::vector<std::string> codes_;
};

/// Keeps the start of a body that is not the wanted one, and ends the transfer when it grows past any use (V69).
class ExcerptSink : public Sink {
 public:
  struct Enough {};  ///< Thrown to stop the transfer; catch it around perform().
  void write(std::span<const std::byte> bytes) override;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::uint64_t size_ = 0;
};

/// From status, headers and the start of the body. What the registry wrote is escaped and at most 1 KiB of it is shown
/// (V69). `what` is "GET https://host/path". Kinds: 401, 403 denied; 404 not_found; 429, 5xx unavailable; 416 and other
/// 4xx unavailable too: another registry may do better. Pure; `now` is for Retry-After.
RegistryError registry_error(std::string_view what, const ResponseHead& head, std::string_view body, Nanoseconds now);

}  // namespace imgb
