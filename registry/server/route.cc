#include "registry/server/route.h"

#include <map>
#include <vector>

#include "core/base/text.h"
#include "registry/url.h"

namespace imgb::server {
namespace {

using Query = std::map<std::string, std::string, std::less<>>;

std::optional<Query> find_query(std::string_view text) {
  Query query;
  if (text.empty()) return query;
  for (std::string_view part : split(text, '&')) {
    std::size_t equals = part.find('=');
    // A plus sign stays one: those of media types are most often not encoded, and nothing here has spaces.
    std::string_view value = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
    auto key = percent_decode(part.substr(0, equals)), decoded = percent_decode(value);
    if (!key || !decoded) return std::nullopt;
    query.try_emplace(*std::move(key), *std::move(decoded));
  }
  return query;
}

std::string value_of(const Query& query, std::string_view key) {
  auto found = query.find(key);
  return found == query.end() ? "" : found->second;
}

/// The words of a path as the grammar of names has them: core/oci's, on a registry whose name says nothing.
constexpr std::string_view kAnyRegistry = "registry.invalid/";

bool is_repository_path(std::string_view path) {
  auto name = Reference::find(std::string(kAnyRegistry) + std::string(path));
  return name && name->path() == path && !name->tag() && !name->digest();
}

bool is_tag(std::string_view tag) {
  auto name = Reference::find(std::string(kAnyRegistry) + "x:" + std::string(tag));
  return name && name->tag() == tag;
}

BadRoute bad_name(std::string_view name) {
  return {400, "NAME_INVALID",
          fmt::format("{:?} is no name of a repository: lower-case words, divided by slashes", printable(name, 300))};
}

struct Parts {
  std::string repository;
  std::vector<std::string> rest;  ///< "manifests", "latest"
};

std::string joined(const std::vector<std::string>& words, std::size_t count) {
  return join(std::span(words).first(count), "/");
}

/// Divides what follows "/v2/". The last words decide, since a repository may have any words in its name.
std::optional<Parts> find_parts(const std::vector<std::string>& words) {
  std::size_t n = words.size();
  auto is = [&](std::size_t from_end, std::string_view word) { return n >= from_end && words[n - from_end] == word; };
  auto cut = [&](std::size_t count) {
    return Parts{joined(words, n - count), {words.end() - static_cast<std::ptrdiff_t>(count), words.end()}};
  };
  if (n < 3) return std::nullopt;
  if (n > 3 && is(3, "blobs") && is(2, "uploads")) return cut(3);
  if (is(2, "blobs") && is(1, "uploads")) return cut(2);
  if (is(2, "tags") && is(1, "list")) return cut(2);
  if (is(2, "manifests") || is(2, "blobs") || is(2, "referrers")) return cut(2);
  return std::nullopt;
}

struct Found {
  Repository repository;
  std::optional<BadRoute> problem;
};

Found find_repository(const std::string& asked, const Query& query) {
  if (!is_repository_path(asked)) return {{}, bad_name(asked)};
  std::string ns = value_of(query, "ns");
  auto name = Reference::find(ns.empty() ? asked : ns + "/" + asked);
  if (!name || name->tag() || name->digest()) return {{}, bad_name(ns.empty() ? asked : ns + "/" + asked)};
  if (!ns.empty() && name->domain() != ns && !(ns == "index.docker.io" && name->domain() == "docker.io"))
    return {{}, bad_name(ns + "/" + asked)};
  return {{name->name(), asked, ns}, std::nullopt};
}

std::variant<route::Pages, BadRoute> pages_of(const Query& query) {
  route::Pages pages{.n = {}, .last = value_of(query, "last")};
  if (auto n = query.find("n"); n != query.end()) {
    pages.n = find_unsigned(n->second);
    if (!pages.n)
      return BadRoute{400, "PAGINATION_NUMBER_INVALID",
                      fmt::format("n is a number, not {:?}", printable(n->second, 100))};
  }
  return pages;
}

BadRoute bad_digest(std::string_view text) {
  return {400, "DIGEST_INVALID",
          fmt::format("{:?} is no digest: sha256: and 64 lower-case hexadecimal digits", printable(text, 200))};
}

/// nullopt: the query has none.
std::variant<std::optional<Digest>, BadRoute> digest_of(const Query& query, std::string_view key) {
  auto found = query.find(key);
  if (found == query.end()) return std::optional<Digest>();
  auto digest = Digest::find(found->second);
  if (!digest) return bad_digest(found->second);
  return digest;
}

Route upload_route(Repository repository, const std::vector<std::string>& rest, const Query& query) {
  auto digest = digest_of(query, "digest"), mount = digest_of(query, "mount");
  if (auto* bad = std::get_if<BadRoute>(&digest)) return *bad;
  if (auto* bad = std::get_if<BadRoute>(&mount)) return *bad;
  if (std::string from = value_of(query, "from"); !from.empty() && !is_repository_path(from)) return bad_name(from);
  if (rest.size() == 3 && !rest[2].empty()) return route::Upload{std::move(repository), rest[2], std::get<0>(digest)};
  return route::Uploads{std::move(repository), std::get<0>(digest), std::get<0>(mount)};
}

Route manifest_route(Repository repository, const std::string& which) {
  if (which.find(':') != std::string::npos) {
    if (auto digest = Digest::find(which)) return route::Manifest{std::move(repository), *digest};
    return bad_digest(which);
  }
  if (is_tag(which)) return route::Manifest{std::move(repository), which};
  return BadRoute{404, "MANIFEST_UNKNOWN", fmt::format("{:?} is neither a tag nor a digest", printable(which, 200))};
}

Route api_route(const std::vector<std::string>& words, const Query& query) {
  if (words.size() == 1 && words[0] == "_catalog") {
    auto pages = pages_of(query);
    if (auto* bad = std::get_if<BadRoute>(&pages)) return *bad;
    return route::Repositories{std::get<route::Pages>(pages)};
  }
  auto parts = find_parts(words);
  if (!parts) return BadRoute{404, "UNSUPPORTED", "there is nothing of this name"};
  Found found = find_repository(parts->repository, query);
  if (found.problem) return *found.problem;
  const std::string& kind = parts->rest[0];
  if (kind == "tags") {
    auto pages = pages_of(query);
    if (auto* bad = std::get_if<BadRoute>(&pages)) return *bad;
    return route::Tags{std::move(found.repository), std::get<route::Pages>(pages)};
  }
  if (kind == "blobs" && parts->rest[1] == "uploads")
    return upload_route(std::move(found.repository), parts->rest, query);
  if (kind == "manifests") return manifest_route(std::move(found.repository), parts->rest[1]);
  auto digest = Digest::find(parts->rest[1]);
  if (!digest) return bad_digest(parts->rest[1]);
  if (kind == "blobs") return route::Blob{std::move(found.repository), *digest};
  return route::Referrers{std::move(found.repository), *digest, value_of(query, "artifactType")};
}

constexpr std::string_view kFiles = "/_imgb/files/";

/// "REPOSITORY/DIGEST"
Route files_route(const std::string& rest, const Query& query) {
  std::size_t slash = rest.rfind('/');
  if (slash == std::string::npos) return BadRoute{404, "UNSUPPORTED", "there is nothing of this name"};
  Found found = find_repository(rest.substr(0, slash), query);
  if (found.problem) return *found.problem;
  auto digest = Digest::find(rest.substr(slash + 1));
  if (!digest) return bad_digest(rest.substr(slash + 1));
  return route::LayerFiles{std::move(found.repository), *digest};
}

}  // namespace

std::optional<std::string> served_name(const std::string& domain, const std::string& path) {
  std::string whole = domain + "/" + path;
  std::string best = domain == "docker.io" ? path : whole;
  for (const std::string& name : {best, whole}) {
    auto read = is_repository_path(name) ? Reference::find(name) : std::nullopt;
    if (read && read->name() == whole) return name;
  }
  return std::nullopt;
}

Route parse_route(std::string_view target) {
  if (target.size() > kMaxTargetBytes) return BadRoute{414, "NAME_INVALID", "the address is too long"};
  std::size_t mark = target.find('?');
  auto path = percent_decode(target.substr(0, mark));
  auto query = find_query(mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1));
  if (!path || !path->starts_with('/') || !query) return BadRoute{400, "NAME_INVALID", "the address is malformed"};
  if (*path == "/") return route::Page{};
  if (*path == "/healthz") return route::Health{};
  if (*path == "/metrics") return route::Metrics{};
  if (*path == "/v2" || *path == "/v2/") return route::Base{};
  if (path->starts_with(kFiles)) return files_route(path->substr(kFiles.size()), *query);
  if (!path->starts_with("/v2/")) return BadRoute{404, "UNSUPPORTED", "there is nothing of this name"};
  std::vector<std::string> words;
  for (std::string_view word : split(std::string_view(*path).substr(4), '/')) words.emplace_back(word);
  return api_route(words, *query);
}

}  // namespace imgb::server
