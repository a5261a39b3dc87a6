#include "core/oci/json_reader.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb::json_reader {
namespace {

[[noreturn]] void wrong(std::string_view what, std::string_view want) {
  throw_error(ErrorKind::corrupt, "{} is not {}", what, want);
}

}  // namespace

void want_object(const json& value, std::string_view what) {
  if (!value.is_object()) wrong(what, "an object");
}

const json* find(const json& object, const char* key) {
  auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

const json& get(const json& object, const char* key) {
  if (const json* value = find(object, key)) return *value;
  throw_error(ErrorKind::corrupt, "{} is missing", key);
}

std::string text(const json& value, std::string_view what) {
  if (!value.is_string()) wrong(what, "a string");
  return value.get<std::string>();
}

std::string text_or(const json& object, const char* key, std::string fallback) {
  const json* value = find(object, key);
  return value ? text(*value, key) : std::move(fallback);
}

std::int64_t integer_or(const json& object, const char* key, std::int64_t fallback) {
  const json* value = find(object, key);
  if (!value) return fallback;
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX) wrong(key, "a number of 63 bits");
  if (!value->is_number_integer()) wrong(key, "a whole number");
  return value->get<std::int64_t>();
}

bool flag_or(const json& object, const char* key, bool fallback) {
  const json* value = find(object, key);
  if (!value) return fallback;
  if (!value->is_boolean()) wrong(key, "true or false");
  return value->get<bool>();
}

std::optional<std::vector<std::string>> texts(const json& object, const char* key) {
  const json* value = find(object, key);
  if (!value) return std::nullopt;
  if (!value->is_array()) wrong(key, "an array");
  std::vector<std::string> all;
  for (const json& item : *value) all.push_back(text(item, key));
  return all;
}

std::map<std::string, std::string> text_map(const json& object, const char* key) {
  const json* value = find(object, key);
  if (!value) return {};
  want_object(*value, key);
  std::map<std::string, std::string> all;
  for (const auto& [name, item] : value->items()) all.emplace(name, text(item, key));
  return all;
}

Digest digest(const json& value, std::string_view what) {
  auto found = Digest::find(text(value, what));
  if (!found) throw_error(ErrorKind::corrupt, "{}: bad digest {}", what, printable(text(value, what), 160));
  return *found;
}

std::optional<Platform> platform(const json& object, const char* key) {
  const json* value = find(object, key);
  if (!value) return std::nullopt;
  want_object(*value, key);
  return Platform{text_or(*value, "os"), text_or(*value, "architecture"), text_or(*value, "variant"),
                  text_or(*value, "os.version")};
}

Descriptor descriptor(const json& value, std::string_view what) {
  want_object(value, what);
  std::int64_t size = integer_or(value, "size", -1);
  if (size < 0) throw_error(ErrorKind::corrupt, "{}: size is missing or negative", what);
  Descriptor parsed{.media_type = text_or(value, "mediaType"),
                    .digest = digest(get(value, "digest"), what),
                    .size_bytes = static_cast<std::uint64_t>(size),
                    .annotations = text_map(value, "annotations"),
                    .platform = platform(value, "platform"),
                    .artifact_type = text_or(value, "artifactType")};
  return parsed;
}

}  // namespace imgb::json_reader
