#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace imgb {

/// Base64 (RFC 4648 4), with padding. Decoding takes the URL alphabet too, and does without padding; white space around
/// the text does not count. nullopt: it is something else.
std::string encode_base64(std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace imgb
