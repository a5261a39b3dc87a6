#include "registry/server/metrics.h"

#include <algorithm>

namespace imgb::server {
namespace {

/// One of few words, whatever a client calls its method: labels cost memory.
std::string_view known_method(std::string_view method) {
  for (std::string_view known : {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"})
    if (method == known) return known;
  return "other";
}

std::string described(std::string_view name, std::string_view type, std::string_view help) {
  return fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
}

std::string single(std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
  return described(name, type, help) + fmt::format("{} {}\n", name, value);
}

}  // namespace

std::string_view name_of(const Route& route) {
  constexpr std::array<std::string_view, std::variant_size_v<Route>> kNames = {
      "unknown",  "page", "healthz",   "metrics", "base",   "catalog", "tags",
      "manifest", "blob", "referrers", "uploads", "upload", "files"};
  return kNames[route.index()];
}

void Metrics::count(const Done& done) {
  state_.with([&](State& state) {
    ++state.requests[{done.route, known_method(done.method), done.status}];
    Sum& sum = state.times[done.route];
    ++sum.count;
    sum.micros += static_cast<std::uint64_t>(done.took.count());
    state.sent += done.sent_bytes;
    state.received += done.received_bytes;
  });
}

std::string Metrics::render(const Now& now) const {
  State state = state_.with([](const State& s) { return s; });
  std::string out = described("imgb_http_requests_total", "counter", "Requests that were answered.");
  for (const auto& [labels, count] : state.requests)
    out += fmt::format("imgb_http_requests_total{{route=\"{}\",method=\"{}\",status=\"{}\"}} {}\n", std::get<0>(labels),
                       std::get<1>(labels), std::get<2>(labels), count);
  out += described("imgb_http_request_seconds", "summary", "From a request's head to the end of its answer.");
  for (const auto& [route, sum] : state.times)
    out += fmt::format(
        "imgb_http_request_seconds_sum{{route=\"{0}\"}} {1:.6f}\nimgb_http_request_seconds_count{{route=\"{0}\"}} "
        "{2}\n",
        route, static_cast<double>(sum.micros) / 1e6, sum.count);
  out += single("imgb_http_sent_bytes_total", "counter", "Bytes of bodies sent.", state.sent);
  out += single("imgb_http_received_bytes_total", "counter", "Bytes of bodies received.", state.received);
  out += single("imgb_connections", "gauge", "Connections that are open.", now.connections);
  out += single("imgb_uploads", "gauge", "Uploads that have been begun and not ended.", now.uploads);
  out += single("imgb_blobs_checked_total", "counter", "Blobs that were read and are right.", now.good_blobs);
  out +=
      single("imgb_blobs_damaged_total", "counter", "Blobs whose bytes are not those of their digest.", now.bad_blobs);
  out += single("imgb_blobs_checked_bytes_total", "counter", "Bytes read to check blobs.", now.checked_bytes);
  return out;
}

}  // namespace imgb::server
