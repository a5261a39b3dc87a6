#include "registry/challenge.h"

#include <map>

#include "core/base/text.h"

namespace imgb {
namespace {

struct RawChallenge {
  std::string scheme;  // lower case
  std::map<std::string, std::string> parameters;
};

/// A cursor over `scheme name=value, name="quoted", scheme ...`.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::vector<RawChallenge> read_all() {
    std::vector<RawChallenge> out;
    for (skip(", \t"); !rest_.empty(); skip(", \t")) {
      std::string word = take_word();
      if (word.empty()) break;  // a byte that fits nowhere: what was read so far counts
      skip(" \t");
      if (!rest_.starts_with('=')) {
        out.push_back({lower_ascii(word), {}});
        continue;
      }
      rest_.remove_prefix(1);
      skip(" \t");
      std::string value = rest_.starts_with('"') ? take_quoted() : take_value();
      if (!out.empty()) out.back().parameters.emplace(lower_ascii(word), std::move(value));
    }
    return out;
  }

 private:
  void skip(std::string_view what) {
    std::size_t at = rest_.find_first_not_of(what);
    rest_ = at == std::string_view::npos ? std::string_view{} : rest_.substr(at);
  }
  std::string take(std::size_t bytes) {
    std::string out(rest_.substr(0, bytes));
    rest_ = bytes < rest_.size() ? rest_.substr(bytes) : std::string_view{};
    return out;
  }
  std::string take_word() { return take(rest_.find_first_of("=, \t\"")); }
  std::string take_value() { return take(rest_.find_first_of(", \t")); }
  std::string take_quoted() {
    std::string out;
    std::size_t i = 1;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      out += rest_[i];
    }
    take(i + 1);
    return out;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<Challenge> find_challenge(const Headers& headers) {
  std::optional<Challenge> found;
  for (std::string_view value : headers.all("WWW-Authenticate")) {
    for (RawChallenge& raw : Reader(value).read_all()) {
      if (raw.scheme == "bearer" && raw.parameters.contains("realm")) {
        return BearerChallenge{raw.parameters["realm"], raw.parameters["service"]};
      }
      if (raw.scheme == "basic") found = BasicChallenge{};
    }
  }
  return found;
}

}  // namespace imgb
