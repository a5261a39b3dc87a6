#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace imgb::server {

/// Users and their passwords, as htpasswd -B writes them: "NAME:$2y$...", one a line. Other kinds of hashes are broken
/// or fast to try, and are refused. Immutable; threads may share it.
class Accounts {
 public:
  /// Error(input) with `what` and the line on anything but bcrypt.
  static Accounts parse(std::string_view text, std::string_view what);
  /// Takes as long for a user that is not there (some 50 ms): nobody learns who is.
  bool check(const std::string& user, const std::string& password) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string user, hash;
  };
  std::vector<Entry> entries_;
};

}  // namespace imgb::server
