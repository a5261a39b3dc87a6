#pragma once
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "registry/client.h"
#include "registry/curl_transport.h"
#include "registry/retrier.h"
#include "registry/settings.h"
#include "tests/support/fake_registry.h"
#include "tests/support/memory_blob_store.h"

namespace imgb {

/// A machine whose settings are in memory.
class FakeSettings : public RegistrySettings {
 public:
  RegistriesConf conf;
  std::map<std::string, Credential> credentials;
  std::map<std::string, TlsOptions> tls;

  const RegistriesConf& registries() override { return conf; }
  std::optional<Credential> find_credential(const std::string& registry, const std::string&) override {
    auto found = credentials.find(registry);
    return found == credentials.end() ? std::nullopt : std::optional(found->second);
  }
  TlsOptions tls_for(const std::string& authority) override { return tls[authority]; }
};

/// A client of real sockets that does not wait between attempts but writes down how long it would have.
struct World {
  explicit World(TransportOptions options = {}) : transport(std::move(options)) {}
  std::vector<std::chrono::milliseconds> waits;
  FakeSettings settings;
  CurlTransport transport;
  Retrier retrier{{}, [this](auto wait, const std::stop_token&) { waits.push_back(wait); }, [] { return 0.5; }};
  RegistryClient client{transport, settings, retrier};
  MemoryBlobStore store;

  static TransportOptions impatient() {
    TransportOptions options;
    options.stall_timeout = std::chrono::milliseconds(150);
    options.connect_timeout = std::chrono::milliseconds(2000);
    return options;
  }
};

/// What a tap heard since it was last told to start again.
class RecordingTap : public BlobTap {
 public:
  void write(std::span<const std::byte> bytes) override { text.append(as_text(bytes)); }
  void restart() override {
    text.clear();
    ++restarts;
  }
  std::string text;
  int restarts = 0;
};

inline std::string some_bytes(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : out) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return out;
}
inline const std::string kLayer = std::string(media_type::kOciLayerGzip);

/// Runs `body`, which must throw an Error of that kind; its text.
template <class Body>
std::string error_of(ErrorKind kind, Body body) {
  try {
    body();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return std::string(e.what()) + " | " + e.hint();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace imgb
