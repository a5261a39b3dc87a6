#include "builder/build_lock.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"
#include "core/oci/json_reader.h"

namespace imgb {
namespace {

using json_reader::json;

constexpr std::int64_t kVersion = 1;
constexpr const char* kVersionKey = "imgbLock";
constexpr std::size_t kMaxLockBytes = 16 << 20;

template <class Entry, class KeyOf>
void sort_once(std::vector<Entry>& entries, KeyOf key_of) {
  std::ranges::stable_sort(entries, {}, key_of);
  auto rest = std::ranges::unique(entries, {}, key_of);
  entries.erase(rest.begin(), rest.end());
}
auto key_of_image(const BuildLock::Image& image) { return std::pair(image.name.canonical(), image.platform); }

const json& list(const json& document, const char* key) {
  static const json kNothing = json::array();
  const json* value = json_reader::find(document, key);
  if (value && !value->is_array()) throw_error(ErrorKind::corrupt, "{} is not an array", key);
  if (value)
    for (const json& entry : *value) json_reader::want_object(entry, key);
  return value ? *value : kNothing;
}

BuildLock::Image read_image(const json& entry) {
  BuildLock::Image image{Reference::parse(json_reader::text(json_reader::get(entry, "name"), "name")),
                         Platform::parse(json_reader::text(json_reader::get(entry, "platform"), "platform")),
                         Reference::parse(json_reader::text(json_reader::get(entry, "image"), "image"))};
  if (!image.image.digest()) throw_error(ErrorKind::corrupt, "image {} has no digest", image.image.familiar());
  return image;
}

BuildLock::Url read_url(const json& entry) {
  BuildLock::Url url{json_reader::text(json_reader::get(entry, "url"), "url"),
                     json_reader::digest(json_reader::get(entry, "digest"), "digest")};
  std::int64_t size = json_reader::integer_or(entry, "size", -1);
  if (size < 0) throw_error(ErrorKind::corrupt, "size of {} is missing or negative", printable(url.url, 200));
  url.size_bytes = static_cast<std::uint64_t>(size);
  if (json_reader::find(entry, "modified")) url.modified = json_reader::integer_or(entry, "modified", 0);
  return url;
}

BuildLock read(std::string_view text) {
  json document = parse_json(text, kMaxLockBytes, "lock file");
  json_reader::want_object(document, "lock file");
  std::int64_t version = json_reader::integer_or(document, kVersionKey, 0);
  if (version > kVersion) throw_error(ErrorKind::unsupported, "lock file of version {}, of a newer imgb", version);
  if (version != kVersion) throw_error(ErrorKind::corrupt, "no lock file of imgb");
  BuildLock lock;
  for (const json& entry : list(document, "images")) lock.images.push_back(read_image(entry));
  for (const json& entry : list(document, "urls")) lock.urls.push_back(read_url(entry));
  for (const json& entry : list(document, "contexts"))
    lock.contexts.push_back(
        {json_reader::text_or(entry, "name"), json_reader::digest(json_reader::get(entry, "digest"), "digest")});
  return lock;
}

}  // namespace

const BuildLock::Image* BuildLock::find_image(const Reference& name, const Platform& platform) const {
  auto at = std::ranges::find_if(
      images, [&](const Image& image) { return image.name == name.with_default_tag() && image.platform == platform; });
  return at == images.end() ? nullptr : &*at;
}
const BuildLock::Url* BuildLock::find_url(std::string_view url) const {
  auto at = std::ranges::find(urls, url, &Url::url);
  return at == urls.end() ? nullptr : &*at;
}
const BuildLock::Context* BuildLock::find_context(std::string_view name) const {
  auto at = std::ranges::find(contexts, name, &Context::name);
  return at == contexts.end() ? nullptr : &*at;
}

std::string render_lock(BuildLock lock) {
  sort_once(lock.images, key_of_image);
  sort_once(lock.urls, [](const BuildLock::Url& url) { return url.url; });
  sort_once(lock.contexts, [](const BuildLock::Context& context) { return context.name; });
  using Json = nlohmann::ordered_json;
  Json out{{kVersionKey, kVersion}, {"images", Json::array()}};
  for (const BuildLock::Image& image : lock.images)
    out["images"].push_back(
        {{"name", image.name.canonical()}, {"platform", image.platform.str()}, {"image", image.image.canonical()}});
  for (const BuildLock::Url& url : lock.urls) {
    Json entry{{"url", url.url}, {"digest", url.digest.str()}, {"size", url.size_bytes}};
    if (url.modified) entry["modified"] = *url.modified;
    out["urls"].push_back(std::move(entry));
  }
  for (const BuildLock::Context& context : lock.contexts)
    out["contexts"].push_back({{"name", context.name}, {"digest", context.digest.str()}});
  return out.dump(2) + "\n";
}

BuildLock parse_lock(std::string_view text) {
  try {
    return read(text);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::corrupt) throw;
    throw Error(ErrorKind::input, e.what());
  }
}

}  // namespace imgb
