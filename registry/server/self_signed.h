#pragma once
#include <string>
#include <vector>

#include "core/base/time.h"

namespace imgb::server {

/// A certificate that vouches for itself, for those who are given it by another way.
struct SelfSigned {
  std::string certificate_pem, key_pem;  ///< ECDSA P-256.
};

/// `hosts`: addresses and names of the server, as clients know it. Valid for two years, from a day before `now`: clocks
/// differ.
SelfSigned make_self_signed(const std::vector<std::string>& hosts, Nanoseconds now);

}  // namespace imgb::server
