#include "registry/server_store/pull_through.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb::server {
namespace {

constexpr unsigned kDownloads = 16;
constexpr std::size_t kMaxAsked = 10'000;

std::string registry_of(const std::string& repository) { return repository.substr(0, repository.find('/')); }

std::vector<Digest> children_of(const FetchedManifest& fetched) {
  std::vector<Digest> children;
  if (const auto* index = std::get_if<Index>(&fetched.content))
    for (const Descriptor& child : index->manifests) children.push_back(child.digest);
  return children;
}

}  // namespace

PullThrough::PullThrough(StoreCatalog& catalog, RegistryClient& client, Options options)
    : catalog_(catalog), client_(client), options_(std::move(options)), downloads_(kDownloads) {}

bool PullThrough::covers(const std::string& repository) const {
  return options_.registries.contains(registry_of(repository));
}

bool PullThrough::is_fresh(const std::string& repository, const std::string& tag) const {
  return asked_.with([&](const auto& asked) {
    auto found = asked.find(repository + ":" + tag);
    return found != asked.end() && Clock::now() - found->second < options_.tag_lifetime;
  });
}

void PullThrough::note_fresh(const Reference& name) {
  asked_.with([&](auto& asked) {
    if (asked.size() >= kMaxAsked) asked.clear();
    asked[name.canonical()] = Clock::now();
  });
}

/// By HEAD: what the name means there is what it means here, and its manifest is here.
bool PullThrough::has_same(const Reference& name) {
  auto here = catalog_.store()->images().find(name);
  if (!here || !catalog_.find_blob(here->digest)) return false;
  auto there = client_.find_manifest(name, downloads_.stop());
  return there && there->digest == here->digest;
}

void PullThrough::bring_manifest(const std::string& repository, const Which& which) {
  if (!covers(repository)) throw_error(ErrorKind::denied, "{} is of no registry that may be asked", repository);
  Reference plain = Reference::parse(repository);
  const auto* tag = std::get_if<std::string>(&which);
  Reference name = tag ? plain.with_tag(*tag) : plain.with_digest(std::get<Digest>(which));
  std::lock_guard one(one_asks_[std::hash<std::string>()(name.canonical()) % one_asks_.size()]);
  if (tag && is_fresh(repository, *tag)) return;
  if (!tag && catalog_.store()->images().find(name) && catalog_.find_blob(*name.digest())) return;  // meanwhile
  if (!tag || !has_same(name)) {
    try {
      FetchedManifest fetched = client_.get_manifest(name, downloads_.stop());
      catalog_.put_manifest(fetched.descriptor, fetched.bytes, name, children_of(fetched));
    } catch (const Error& e) {
      // That there is none is an answer, and is not asked for again at once.
      if (tag && e.kind() == ErrorKind::not_found) note_fresh(name);
      throw;
    }
  }
  if (tag) note_fresh(name);
}

std::optional<Upstream::Arriving> PullThrough::bring_blob(const std::string& repository, const Descriptor& blob) {
  if (!covers(repository)) throw_error(ErrorKind::denied, "{} is of no registry that may be asked", repository);
  bool is_new = false;
  auto arrival = arriving_.with([&](auto& arriving) {
    auto& slot = arriving[blob.digest];
    if (!slot) slot = std::make_shared<Arrival>(catalog_.store()), is_new = true;
    return slot;
  });
  if (is_new)
    downloads_.add([this, arrival, blob, name = Reference::parse(repository)] {
      std::exception_ptr failure;
      try {
        client_.land_blob(name, blob, *arrival, nullptr, downloads_.stop());
      } catch (const std::exception&) {
        failure = std::current_exception();
      }
      arriving_.with([&](auto& arriving) { arriving.erase(blob.digest); });
      arrival->finish(failure);
    });
  return arrival->wait();
}

std::set<std::string> parse_registries(const std::vector<std::string>& lists) {
  std::set<std::string> registries;
  for (const std::string& list : lists)
    for (std::string_view word : split(list, ',')) {
      std::string name(trim(word));
      auto whole = Reference::find(name + "/x/y");
      if (!whole || whole->domain() != name || whole->path() != "x/y")
        throw Error(ErrorKind::usage, fmt::format("{:?} is no registry", printable(name)))
            .set_hint("name them as images do: docker.io,quay.io,registry.example.com:5000");
      registries.insert(std::move(name));
    }
  return registries;
}

}  // namespace imgb::server
