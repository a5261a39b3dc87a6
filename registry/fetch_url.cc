#include "registry/fetch_url.h"

#include "core/base/base64.h"
#include "core/base/report_pace.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "registry/exchange.h"
#include "registry/http_fields.h"
#include "registry/registry_error.h"

namespace imgb {
namespace {

/// One file over as many requests as it takes.
class UrlDownload : public Sink {
 public:
  UrlDownload(const UrlFetch& fetch, Sink& into, Activity* activity)
      : fetch_(fetch), into_(into), activity_(activity) {}

  /// The request for what is missing. RFC 9110, 13.1.5: If-Range makes the server send all when the file changed.
  void ask(HttpRequest& request) const {
    if (received_ > 0) {
      request.headers.set("Range", fmt::format("bytes={}-", received_));
      request.headers.set("If-Range", result_.validators.etag);
    } else if (fetch_.known) {
      if (!fetch_.known->etag.empty()) request.headers.set("If-None-Match", fetch_.known->etag);
      if (!fetch_.known->last_modified.empty()) request.headers.set("If-Modified-Since", fetch_.known->last_modified);
    }
  }
  void start(const ResponseHead& head) {
    auto text = [&](const char* name) { return std::string(head.headers.find(name).value_or("")); };
    if (received_ > 0) return start_again(head, text("ETag"));
    if (head.status == 206) throw_error(ErrorKind::denied, "the server sends a part where the whole was asked for");
    result_.validators = {text("ETag"), text("Last-Modified")};
    if (auto time = find_http_date(result_.validators.last_modified)) {
      result_.mtime_seconds = *time / kNanosecondsPerSecond;
    }
    total_ = find_unsigned(text("Content-Length"));
    if (total_ && *total_ > fetch_.max_bytes) too_long();
  }
  void write(std::span<const std::byte> bytes) override {
    std::size_t known = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size()));
    skip_ -= known;
    bytes = bytes.subspan(known);
    if (bytes.size() > fetch_.max_bytes - received_) too_long();
    into_.write(bytes);
    received_ += bytes.size();
    if (!activity_ || !pace_.is_due()) return;
    activity_->bytes(Url::parse(fetch_.url).redacted(), received_, total_);
  }
  /// Whether another request can give the rest, and no other file's.
  bool can_go_on() const {
    const std::string& etag = result_.validators.etag;
    return received_ == 0 || (etag.starts_with('"') && !etag.starts_with("W/"));
  }
  std::uint64_t received() const { return received_; }
  /// After a whole answer: a part may have been shorter than it was asked to be.
  void check_complete() const {
    if (!total_ || received_ == *total_) return;
    throw TransportError(TransportFailure::cut, ErrorKind::unavailable,
                         fmt::format("got {} of {} bytes", received_, *total_));
  }
  bool asked_conditionally() const { return fetch_.known && received_ == 0; }
  FetchedUrl& result() { return result_; }

 private:
  /// The same file from where we are: the rest, or all of it once more when the server knows no ranges.
  void start_again(const ResponseHead& head, const std::string& etag) {
    auto range = find_content_range(head.headers.find("Content-Range").value_or(""));
    bool whole = head.status == 200;
    bool same = etag == result_.validators.etag || (!whole && etag.empty());
    if (!same) throw_error(ErrorKind::denied, "the file changed while it was fetched");
    if (!whole && (!range || range->first > received_ || (total_ && range->size && range->size != total_))) {
      throw_error(ErrorKind::denied, "the server answers with {:?} where bytes from {} on were asked",
                  printable(head.headers.find("Content-Range").value_or(""), 64), received_);
    }
    if (!whole && !total_) total_ = range->size;
    skip_ = received_ - (whole ? 0 : range->first);
  }
  [[noreturn]] void too_long() const {
    throw_error(ErrorKind::denied, "the file is longer than {}", render_size(fetch_.max_bytes));
  }
  const UrlFetch& fetch_;
  Sink& into_;
  Activity* activity_;
  FetchedUrl result_;
  std::uint64_t received_ = 0;
  std::uint64_t skip_ = 0;  ///< Of the running answer's bytes, those that came before.
  std::optional<std::uint64_t> total_;
  ReportPace pace_;
};

HttpRequest first_request(const UrlFetch& fetch, RegistrySettings& settings, RedirectRules& rules) {
  HttpRequest request;
  request.url = Url::parse(fetch.url);
  request.headers.set("Accept-Encoding", "identity");
  if (!request.url.user_info.empty()) {
    request.headers.set("Authorization", "Basic " + encode_base64(request.url.user_info));
    request.url.user_info.clear();
  }
  for (const std::string& line : fetch.headers) {
    std::size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) throw_error(ErrorKind::input, "a header must be \"Name: value\"");
    std::string name(trim(line.substr(0, colon)));
    request.headers.set(name, std::string(trim(std::string_view(line).substr(colon + 1))));
    rules.private_headers.push_back(std::move(name));
  }
  request.tls = settings.tls_for(request.url.origin.authority());
  return request;
}

void attempt(HttpTransport& transport, HttpRequest request, const RedirectRules& rules, UrlDownload& download,
             const std::stop_token& stop) {
  download.ask(request);
  ExcerptSink excerpt;
  ResponseHead head;
  auto look = [&](const ResponseHead& got) -> Sink* {
    head = got;
    if (got.status != 200 && got.status != 206) return &excerpt;
    download.start(got);
    return &download;
  };
  try {
    exchange(transport, request, look, rules, stop);
  } catch (const ExcerptSink::Enough&) {
    // the error's text is long enough
  }
  if (head.status == 304 && download.asked_conditionally()) {
    download.result().unchanged = true;
  } else if (head.status != 200 && head.status != 206) {
    throw registry_error("GET " + request.url.redacted(), head, excerpt.text(), now());
  } else {
    download.check_complete();
  }
}

}  // namespace

FetchedUrl fetch_url(HttpTransport& transport, RegistrySettings& settings, const Retrier& retrier,
                     const UrlFetch& fetch, Sink& into, Activity* activity, std::stop_token stop) {
  RedirectRules rules{[&](const Origin& origin) { return settings.tls_for(origin.authority()); }, true, {}};
  HttpRequest request = first_request(fetch, settings, rules);
  UrlDownload download(fetch, into, activity);
  in_context([&] { return request.url.redacted(); },
             [&] {
               retrier.run(
                   [&](int& number) {
                     std::uint64_t before = download.received();
                     try {
                       attempt(transport, request, rules, download, stop);
                     } catch (const TransportError& error) {
                       if (download.received() - before >= kProgressBytes) number = 1;
                       if (download.can_go_on()) throw;
                       // Of a kind that is not tried again.
                       throw_error(ErrorKind::unavailable, "{}; it cannot go on: the server sent no strong ETag",
                                   error.message());
                     }
                   },
                   stop, activity);
             });
  if (download.result().unchanged) download.result().validators = *fetch.known;
  return download.result();
}

}  // namespace imgb
