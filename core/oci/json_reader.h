#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"
#include "core/oci/descriptor.h"

// Typed access to received JSON, for the .cc files of core/oci: every mismatch is an Error(corrupt) that names the key.
namespace imgb::json_reader {

using nlohmann::json;

void want_object(const json& value, std::string_view what);
/// nullptr when the key is absent or null.
const json* find(const json& object, const char* key);
const json& get(const json& object, const char* key);
std::string text(const json& value, std::string_view what);
std::string text_or(const json& object, const char* key, std::string fallback = {});
std::int64_t integer_or(const json& object, const char* key, std::int64_t fallback);
bool flag_or(const json& object, const char* key, bool fallback);
std::optional<std::vector<std::string>> texts(const json& object, const char* key);
std::map<std::string, std::string> text_map(const json& object, const char* key);
Digest digest(const json& value, std::string_view what);
Descriptor descriptor(const json& value, std::string_view what);
std::optional<Platform> platform(const json& object, const char* key);

}  // namespace imgb::json_reader
