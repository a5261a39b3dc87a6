#include <algorithm>

#include "core/base/text.h"
#include "registry/client.h"
#include "registry/registry_error.h"
#include "registry/requests.h"

namespace imgb {
namespace {

/// The tag under which registries without the API keep what refers to the digest.
std::string fallback_tag(const Digest& subject) {
  std::string tag = subject.str();
  std::ranges::replace(tag, ':', '-');
  constexpr std::size_t kMaxTag = 128;  // sha512's are cut
  return tag.substr(0, kMaxTag);
}

/// What only says that the registry does not know the API.
bool has_no_api(const RegistryError& error) {
  return error.status() == 404 || error.status() == 400 || error.status() == 405 || error.status() == 501;
}

void add_page(std::vector<Descriptor>& all, const std::string& text) {
  auto page = parse_manifest(text, media_type::kOciIndex);
  const auto* index = std::get_if<Index>(&page);
  if (!index) throw_error(ErrorKind::corrupt, "the list of referrers is no index");
  for (const Descriptor& referrer : index->manifests) {
    if (all.size() >= RegistryClient::kMaxReferrers)
      throw_error(ErrorKind::unsupported, "there are more than {} referrers", RegistryClient::kMaxReferrers);
    if (std::ranges::find(all, referrer.digest, &Descriptor::digest) == all.end()) all.push_back(referrer);
  }
}

}  // namespace

std::vector<Descriptor> RegistryClient::list_referrers(const Reference& repository, const Digest& subject,
                                                       Activity* activity, std::stop_token stop) {
  std::vector<Descriptor> all;
  auto ask = [&](const Endpoint& endpoint) {
    all.clear();
    Session::Call pages{"GET", "/referrers/" + subject.str(), {{"Accept", std::string(media_type::kOciIndex)}}};
    try {
      for_each_page(endpoint, pages, activity, stop, [&](const std::string& text) {
        add_page(all, text);
        return true;
      });
    } catch (const RegistryError& error) {
      if (!has_no_api(error)) throw;
      Session::Call tag{"GET", "/manifests/" + fallback_tag(subject), {{"Accept", accepted_manifest_types()}}};
      try {
        add_page(all, get_text(endpoint, tag, activity, stop).text);
      } catch (const RegistryError& none) {
        if (none.status() != 404) throw;
      }
    }
  };
  try_endpoints(repository, "referrers of " + repository.name() + "@" + subject.str(), stop, ask);
  return all;
}

void RegistryClient::add_referrer(const Reference& repository, const Digest& subject, const Descriptor& referrer,
                                  Activity* activity, std::stop_token stop) {
  Reference name = Reference::parse(repository.name()).with_tag(fallback_tag(subject));
  Index index{.media_type = std::string(media_type::kOciIndex)};
  try {
    FetchedManifest known = get_manifest(name, stop, activity);
    if (auto* there = std::get_if<Index>(&known.content)) index = std::move(*there);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
  if (std::ranges::find(index.manifests, referrer.digest, &Descriptor::digest) != index.manifests.end()) return;
  index.manifests.push_back(referrer);
  std::string bytes = render(index);
  put_manifest(name, {index.media_type, Digest::of(bytes), bytes.size(), {}, {}, {}}, bytes, activity, stop);
}

}  // namespace imgb
