#include "builder/json_array.h"

#include <nlohmann/json.hpp>

#include "builder/text_scan.h"
#include "core/base/error.h"

namespace imgb {
namespace {

/// Listens to the parser: keeps the strings of the outermost array and notes anything else.
class StringArray : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<std::string> strings;
  bool only_strings = true;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool string(string_t& value) override {
    if (depth_ == 1) strings.push_back(std::move(value));
    return true;
  }
  bool binary(binary_t&) override { return other(); }
  bool start_object(std::size_t) override { return enter(); }
  bool key(string_t&) override { return true; }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool other() {
    only_strings = false;
    return true;
  }
  bool enter() {
    if (depth_++ > 0) only_strings = false;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }
  std::size_t depth_ = 0;
};

}  // namespace

std::optional<std::vector<std::string>> find_json_strings(std::string_view text) {
  text = trim_spaces_left(text);
  if (text.empty() || text.front() != '[') return std::nullopt;
  // The parser would take a NUL for the end of its input.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  StringArray listener;
  if (!nlohmann::json::sax_parse(text, &listener)) return std::nullopt;
  if (!listener.only_strings) {
    throw_error(ErrorKind::input, "when using JSON array syntax, arrays must be comprised of strings only");
  }
  return std::move(listener.strings);
}

}  // namespace imgb
