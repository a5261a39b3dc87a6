#pragma once
#include <functional>
#include <string>

#include "registry/client.h"
#include "registry/curl_transport.h"
#include "registry/settings.h"

namespace imgb {

/// All of the room for one user's environment. Making it touches no file and opens no library.
struct RegistryAccess {
  RegistryAccess(const Environment& env, unsigned uid, std::function<void(std::string)> warn, RetryLimits limits = {})
      : transport(transport_options(env)), settings(settings_places(env, uid), std::move(warn)), retrier(limits) {}
  CurlTransport transport;
  FileSettings settings;
  Retrier retrier;
  RegistryClient client{transport, settings, retrier};
};

}  // namespace imgb
