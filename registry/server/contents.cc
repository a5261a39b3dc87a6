#include "registry/server/contents.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb::server {
namespace {

constexpr std::uint64_t kMaxKeptBytes = 16 << 20;
constexpr std::size_t kMaxKept = 20'000;

std::vector<Digest> digests_of(const std::vector<Descriptor>& all) {
  std::vector<Digest> digests;
  for (const Descriptor& one : all) digests.push_back(one.digest);
  return digests;
}

std::shared_ptr<const ServedManifest> read_manifest(const Digest& digest, std::string bytes) {
  auto served = std::make_shared<ServedManifest>(ServedManifest{Descriptor{.digest = digest}, {}, {}, {}, {}});
  Descriptor& descriptor = served->descriptor;
  descriptor.size_bytes = bytes.size();
  try {
    auto content = parse_manifest(bytes, "");
    std::visit(
        [&](auto& one) {
          descriptor.media_type = one.media_type;
          descriptor.artifact_type = one.artifact_type;
          descriptor.annotations = one.annotations;
          if (one.subject) served->subject = one.subject->digest;
        },
        content);
    if (auto* index = std::get_if<Index>(&content)) served->children = digests_of(index->manifests);
    if (auto* image = std::get_if<Manifest>(&content)) {
      served->blobs = image->layers;
      served->blobs.push_back(image->config);
    }
    // Spec: distribution-spec 1.1, "Listing Referrers": without a type of its own it has its config's.
    if (auto* image = std::get_if<Manifest>(&content); image && image->artifact_type.empty())
      descriptor.artifact_type = image->config.media_type;
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt && e.kind() != ErrorKind::unsupported) throw;
    return nullptr;
  }
  served->bytes = std::move(bytes);
  return served;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// Marks what `manifest` leads to. What was marked for this repository before leads nowhere new.
void mark(Contents& contents, const Digest& manifest, const std::string& repository,
          const std::function<std::vector<Digest>(const Digest&)>& children_of, bool is_index, int depth) {
  if (depth > kMaxIndexDepth || !contents.manifests[manifest].insert(repository).second || !is_index) return;
  for (const Digest& child : children_of(manifest)) mark(contents, child, repository, children_of, true, depth + 1);
}

}  // namespace

std::shared_ptr<const ServedManifest> Manifests::find(const Digest& digest) {
  auto blob = catalog_.find_blob(digest);
  if (!blob) return nullptr;
  struct Known {
    bool known = false;
    std::shared_ptr<const ServedManifest> manifest;
  };
  Known known = state_.with([&](State& state) -> Known {
    auto found = state.kept.find(digest);
    if (found == state.kept.end() || found->second.identity != blob->identity) return {};
    found->second.used = ++state.clock;
    return {true, found->second.manifest};
  });
  if (known.known) return known.manifest;
  if (blob->size_bytes > kMaxManifestBytes) return nullptr;
  try {
    auto manifest = read_manifest(digest, read_verified(*blob, digest, kMaxManifestBytes));
    keep(digest, blob->identity, manifest);
    return manifest;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::corrupt) catalog_.report_damaged(digest, *blob);
    throw;
  }
}

void Manifests::keep(const Digest& digest, const FileIdentity& identity,
                     std::shared_ptr<const ServedManifest> manifest) {
  state_.with([&](State& state) {
    auto size = [](const Kept& kept) { return kept.manifest ? kept.manifest->bytes.size() : 0; };
    Kept& kept = state.kept[digest];
    state.bytes -= size(kept);
    kept = {identity, std::move(manifest), ++state.clock};
    state.bytes += size(kept);
    if (state.bytes <= kMaxKeptBytes && state.kept.size() <= kMaxKept) return;
    // Half of it goes at once, so that this is seldom.
    std::vector<std::uint64_t> uses;
    for (const auto& [_, one] : state.kept) uses.push_back(one.used);
    auto middle = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 2);
    std::nth_element(uses.begin(), middle, uses.end());
    std::erase_if(state.kept, [&](const auto& one) {
      bool goes = one.second.used < *middle;
      if (goes) state.bytes -= size(one.second);
      return goes;
    });
  });
}

bool TagOrder::operator()(std::string_view a, std::string_view b) const {
  auto less = [](char x, char y) { return lower(x) < lower(y); };
  if (std::ranges::lexicographical_compare(a, b, less)) return true;
  if (std::ranges::lexicographical_compare(b, a, less)) return false;
  return a < b;
}

bool Contents::holds(const std::string& repository, const Digest& manifest) const {
  auto found = manifests.find(manifest);
  return found != manifests.end() && (found->second.contains(repository) || found->second.contains(""));
}

const Descriptor* Contents::find(const std::string& repository, std::string_view tag) const {
  auto tags = repositories.find(repository);
  if (tags == repositories.end()) return nullptr;
  auto found = tags->second.find(tag);
  return found == tags->second.end() ? nullptr : &found->second;
}

std::optional<Reference> name_of_entry(const Descriptor& entry, const std::string& own_name) {
  auto annotation = [&](const char* key) {
    auto found = entry.annotations.find(key);
    return found == entry.annotations.end() ? std::string() : found->second;
  };
  auto whole = [](const std::string& text) {
    auto name = Reference::find(text);
    return name && (name->tag() || name->digest()) ? name : std::nullopt;
  };
  if (auto name = whole(annotation("io.containerd.image.name"))) return name;
  std::string given = annotation("org.opencontainers.image.ref.name");
  if (given.empty()) return std::nullopt;
  if (auto name = whole(given)) return name;
  return whole(own_name + ":" + given);
}

Contents contents_of(const Index& index, const std::string& own_name,
                     const std::function<std::vector<Digest>(const Digest&)>& children_of) {
  Contents contents;
  for (const Descriptor& entry : index.manifests) {
    auto name = name_of_entry(entry, own_name);
    if (name) {
      TagTable& tags = contents.repositories[name->name()];
      if (name->tag()) tags.insert_or_assign(*name->tag(), entry);
    }
    mark(contents, entry.digest, name ? name->name() : "", children_of, media_type::is_index(entry.media_type), 0);
  }
  return contents;
}

}  // namespace imgb::server
