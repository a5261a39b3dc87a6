#include "registry/server/gate.h"

#include <random>

#include "core/base/base64.h"
#include "core/base/text.h"

namespace imgb::server {
namespace {

constexpr std::size_t kMaxKnown = 1000;

struct Said {
  std::string user, password;
};
std::optional<Said> said(const Headers& headers) {
  constexpr std::string_view kBasic = "basic ";
  std::string_view value = headers.find("Authorization").value_or("");
  if (value.size() <= kBasic.size() || !iequals_ascii(value.substr(0, kBasic.size()), kBasic)) return std::nullopt;
  auto decoded = decode_base64(value.substr(kBasic.size()));
  std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return std::nullopt;
  return Said{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

}  // namespace

Gate::Gate() {
  std::random_device random;
  for (int i = 0; i < 8; ++i) salt_ += fmt::format("{:08x}", random());
}

void Gate::set(Accounts accounts) {
  auto fresh = std::make_shared<const Accounts>(std::move(accounts));
  state_.with([&](State& state) { state = {fresh, {}}; });
}

bool Gate::is_open() const {
  return state_.with([](const State& state) { return !state.accounts; });
}

std::optional<Digest> Gate::key_of(const Headers& headers) const {
  auto words = said(headers);
  if (!words) return std::nullopt;
  return Digest::of(fmt::format("{}{}:{}:{}", salt_, words->user.size(), words->user, words->password));
}

Gate::Access Gate::look(const Headers& headers) const {
  if (is_open()) return Access::granted;
  auto key = key_of(headers);
  if (!key) return Access::refused;
  return state_.with([&](const State& state) {
    auto known = state.known.find(*key);
    if (known == state.known.end()) return Access::unknown;
    return known->second ? Access::granted : Access::refused;
  });
}

Gate::Access Gate::check(const Headers& headers) {
  if (Access access = look(headers); access != Access::unknown) return access;
  auto accounts = state_.with([](const State& state) { return state.accounts; });
  auto words = said(headers);
  bool right = accounts->check(words->user, words->password);
  state_.with([&](State& state) {
    if (state.accounts != accounts) return;  // others apply by now
    if (state.known.size() >= kMaxKnown) state.known.clear();
    state.known.emplace(*key_of(headers), right);
  });
  return right ? Access::granted : Access::refused;
}

std::string Gate::user(const Headers& headers) const {
  auto words = is_open() ? std::nullopt : said(headers);
  return words ? words->user : "";
}

}  // namespace imgb::server
