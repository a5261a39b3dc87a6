#pragma once
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/base/stream.h"
#include "registry/retrier.h"
#include "registry/settings.h"

namespace imgb {

/// What a server says a file is, so that it can be asked whether it still is.
struct UrlValidators {
  std::string etag, last_modified;
};
struct UrlFetch {
  std::string url;                        ///< May hold "user:password@".
  std::optional<UrlValidators> known;     ///< Asks only for what changed since.
  std::vector<std::string> headers;       ///< "Name: value"; seen by the URL's own origin alone.
  std::uint64_t max_bytes = 64ull << 30;  ///< A longer body is Error(denied) (V37).
};
struct FetchedUrl {
  bool unchanged = false;  ///< `known` still holds; nothing was written.
  UrlValidators validators;
  std::optional<std::int64_t> mtime_seconds;  ///< Last-Modified.
};
/// Gets a file for ADD. Bytes go to `into` once and in order; a cut download goes on where it stopped when the server
/// can tell that the file is still the same (strong ETag), else it fails. At most ten redirects: never to another
/// scheme than http and https, from https to http, or to another server on this host or a link-local network (V36).
FetchedUrl fetch_url(HttpTransport& transport, RegistrySettings& settings, const Retrier& retrier,
                     const UrlFetch& fetch, Sink& into, Activity* activity, std::stop_token stop);

}  // namespace imgb
