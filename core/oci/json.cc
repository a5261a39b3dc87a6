#include "core/oci/json.h"

#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 64;

/// Looks at the stream of tokens before any value is built: nesting, numbers of values and duplicate keys are refused
/// at the first sight.
class Guard : public nlohmann::json_sax<json> {
 public:
  explicit Guard(std::size_t max_values) : max_values_(max_values) {}
  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return enter();
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    problem_ = "key " + printable(name, 100) + " stands twice in one object";
    return false;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    problem_ = fmt::format("not JSON at byte {}", position);
    return false;
  }
  const std::string& problem() const { return problem_; }

 private:
  bool count() {
    if (++values_ <= max_values_) return true;
    problem_ = fmt::format("more than {} values", max_values_);
    return false;
  }
  bool enter() {
    if (!count()) return false;
    if (++depth_ <= kMaxDepth) return true;
    problem_ = fmt::format("nested deeper than {} levels", kMaxDepth);
    return false;
  }
  std::vector<std::set<std::string>> keys_;  // no hash table: a stranger's keys may all collide
  const std::size_t max_values_;
  std::size_t depth_ = 0, values_ = 0;
  std::string problem_;
};

}  // namespace

json parse_json(std::string_view text, std::size_t max_bytes, std::string_view what, std::size_t max_values) {
  if (text.size() > max_bytes)
    throw_error(ErrorKind::corrupt, "{}: {} bytes of JSON, more than the limit of {}", what, text.size(), max_bytes);
  Guard guard(max_values);
  if (!json::sax_parse(text, &guard)) throw_error(ErrorKind::corrupt, "{}: {}", what, guard.problem());
  try {
    return json::parse(text);
  } catch (const json::exception& e) {
    throw_error(ErrorKind::corrupt, "{}: {}", what, printable(e.what(), 200));
  }
}

std::string text_of_bytes(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    auto u = static_cast<unsigned char>(c);
    if (u < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | u >> 6);
      text += static_cast<char>(0x80 | (u & 0x3F));
    }
  }
  return text;
}

std::string bytes_of_text(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto u = static_cast<unsigned char>(text[i]);
    if (u >= 0xC2 && u <= 0xC3 && i + 1 < text.size())
      u = static_cast<unsigned char>((u & 3) << 6 | (text[++i] & 0x3F));
    bytes += static_cast<char>(u);
  }
  return bytes;
}

}  // namespace imgb
