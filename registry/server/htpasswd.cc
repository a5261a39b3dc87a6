#include "registry/server/htpasswd.h"

#include <crypt.h>

#include <cstring>
#include <memory>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb::server {
namespace {

/// "$2y$10$" and 53 characters. Above cost 15 a question takes seconds.
bool is_bcrypt(std::string_view hash) {
  if (hash.size() != 60 || !hash.starts_with("$2") || std::string_view("aby").find(hash[2]) == std::string_view::npos)
    return false;
  auto cost = find_unsigned(hash.substr(4, 2));
  return hash[3] == '$' && hash[6] == '$' && cost && *cost >= 4 && *cost <= 15;
}

/// Of equal length whatever differs.
bool are_equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char differences = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differences = differences | static_cast<unsigned char>(a[i] ^ b[i]);
  return differences == 0;
}

bool fits(const std::string& password, const std::string& hash) {
  auto work = std::make_unique<crypt_data>();
  const char* made = ::crypt_r(password.c_str(), hash.c_str(), work.get());
  bool right = made && are_equal(made, hash);
  ::explicit_bzero(work.get(), sizeof *work);
  return right;
}

}  // namespace

Accounts Accounts::parse(std::string_view text, std::string_view what) {
  Accounts accounts;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    std::size_t colon = line.find(':');
    std::string_view hash = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (colon == 0 || !is_bcrypt(hash))
      throw Error(ErrorKind::input, fmt::format("{}:{}: not NAME:HASH with a bcrypt hash", what, number))
          .set_hint("make entries with htpasswd -nB NAME (package apache2-utils)");
    accounts.entries_.push_back({std::string(line.substr(0, colon)), std::string(hash)});
  }
  if (accounts.entries_.empty()) throw_error(ErrorKind::input, "{} names no user", what);
  return accounts;
}

bool Accounts::check(const std::string& user, const std::string& password) const {
  const Entry* entry = nullptr;
  for (const Entry& one : entries_)
    if (one.user == user) entry = &one;
  // C ends a password at its first NUL.
  bool sane = password.find('\0') == std::string::npos && password.size() <= 1024;
  bool right = fits(sane ? password : std::string(), (entry ? *entry : entries_.front()).hash);
  return entry && sane && right;
}

}  // namespace imgb::server
