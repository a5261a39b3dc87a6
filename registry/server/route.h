#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/base/digest.h"
#include "core/oci/reference.h"

namespace imgb::server {

/// Which repository a path means: a name of any registry, made whole as Docker makes it whole. "debian",
/// "library/debian" and "docker.io/library/debian" are one, "quay.io/a/b" is itself, and with `?ns=quay.io` (containerd
/// asks its mirrors so) "a/b" is that too.
struct Repository {
  std::string name;     ///< "docker.io/library/debian"
  std::string asked;    ///< As it stands in the path: for answers.
  std::string ns = {};  ///< The query's; "" for none.
  friend bool operator==(const Repository&, const Repository&) = default;
};

/// How a client that does not send `ns` finds it: "library/debian", "quay.io/a/b". nullopt for names that no path can
/// say (a registry with a port): those answer with `ns` alone.
std::optional<std::string> served_name(const std::string& domain, const std::string& path);

namespace route {
struct Page {};  ///< For people.
struct Health {};
struct Metrics {};
struct Base {};  ///< "/v2/"
struct Pages {   ///< n and last of a list.
  std::optional<std::uint64_t> n;
  std::string last;
};
struct Repositories {
  Pages pages;
};
struct Tags {
  Repository repository;
  Pages pages;
};
struct Manifest {
  Repository repository;
  std::variant<std::string, Digest> which;  ///< Tag or digest.
};
struct Blob {
  Repository repository;
  Digest digest;
};
struct Referrers {
  Repository repository;
  Digest subject;
  std::string artifact_type;  ///< "": all.
};
struct Uploads {
  Repository repository;
  std::optional<Digest> digest;  ///< All of it in this request.
  std::optional<Digest> mount;
};
struct Upload {
  Repository repository;
  std::string id;
  std::optional<Digest> digest;  ///< This request ends it.
};
/// Of the page for people: what a layer holds.
struct LayerFiles {
  Repository repository;
  Digest digest;
};
}  // namespace route

/// A path or a query that cannot be asked, as an error of the specification.
struct BadRoute {
  int status = 404;
  std::string_view code;
  std::string message;
};
using Route =
    std::variant<BadRoute, route::Page, route::Health, route::Metrics, route::Base, route::Repositories, route::Tags,
                 route::Manifest, route::Blob, route::Referrers, route::Uploads, route::Upload, route::LayerFiles>;

/// What a request target asks for. Pure; takes any bytes. Spec: OCI distribution-spec 1.1, "API".
/// Names, tags and digests that come out of it follow their grammars (V96): nothing in them leads out of a folder.
Route parse_route(std::string_view target);

inline constexpr std::size_t kMaxTargetBytes = 8 * 1024;

}  // namespace imgb::server
