#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/env.h"
#include "cli/flags.h"
#include "core/oci/platform.h"
#include "core/store/copy_image.h"
#include "registry/retry.h"

namespace imgb {

/// --retry and --retry-delay.
struct RetryFlags {
  void describe(Flags& flags);
  RetryLimits limits() const;  ///< Error(usage) on what is no time.

 private:
  std::optional<std::uint64_t> retries_;
  std::optional<std::string> delay_;
};

std::vector<Platform> parse_platforms(const std::vector<std::string>& texts);  ///< "a,b" is two.

/// What a transfer did, for its progress: "3 blobs sent (1.2 MB), 1 mounted, 0 there already".
std::string describe_transfer(const CopyResult& result, const char* moved);

}  // namespace imgb
