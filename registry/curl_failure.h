#pragma once
#include "registry/curl_transfer.h"

namespace imgb {

/// Why a transfer failed, with what to do about it as hint: TransportError.
[[noreturn]] void throw_curl_failure(CURLcode code, const CurlTransfer& transfer, const HttpRequest& request);

}  // namespace imgb
