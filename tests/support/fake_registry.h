#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/descriptor.h"
#include "core/oci/image_config.h"
#include "tests/support/fake_http.h"
#include "tests/support/fake_server.h"

namespace imgb {

/// A registry on loopback in this process, as good or as bad as a test wants it: OCI distribution API (pull and push),
/// token service, plain files, faults; and a record of everything it was asked. Ends with the object.
class FakeRegistry {
 public:
  enum class Auth { none, basic, bearer };
  using Tls = FakeTls;
  struct Options {
    Auth auth = Auth::none;
    Tls tls = Tls::none;
    std::string user = "alice", password = "wonderland";
    std::string identity_token = {};  ///< Accepted as an OAuth2 refresh token when not empty.
    bool anonymous_tokens = false;    ///< The token service gives pull tokens to anybody.
    std::string realm = {};           ///< Named in challenges instead of this server's own /token.
    std::string address = "127.0.0.1";
  };
  explicit FakeRegistry(Options options);
  FakeRegistry() : FakeRegistry(Options{}) {}
  ~FakeRegistry();
  FakeRegistry(const FakeRegistry&) = delete;

  std::string host() const;  ///< "127.0.0.1:40123"
  std::uint16_t port() const;
  std::string url(std::string_view target = "/") const;  ///< "http://127.0.0.1:40123/..."
  std::string ca_file() const;                           ///< PEM of the authority that signed the certificate.

  Descriptor add_blob(std::string bytes, std::string media_type);
  /// `tag` may be empty: then it is there by digest alone.
  Descriptor add_manifest(const std::string& repository, const std::string& tag, std::string bytes,
                          std::string media_type);
  struct Layer {
    std::string blob;  ///< As it goes over the wire.
    DiffId diff_id;
    std::string media_type = std::string(media_type::kOciLayerGzip);
  };
  struct Image {
    Descriptor manifest, config;
    std::vector<Descriptor> layers;
  };
  /// Blobs, config and manifest of an image; the config's diff_ids are set from the layers.
  Image add_image(const std::string& repository, const std::string& tag, const std::vector<Layer>& layers,
                  ImageConfig config = default_config());
  static ImageConfig default_config();  ///< linux/amd64
  /// Any path outside /v2/. An ETag in `reply` answers If-None-Match; Range is answered.
  void add_file(const std::string& path, FakeReply reply);
  void add_fault(FakeFault fault);
  void clear_faults();

  std::vector<FakeRequest> requests() const;
  std::size_t count(std::string_view method, std::string_view part_of_target) const;
  std::size_t connections() const;    ///< Accepted so far.
  bool was_sent_credentials() const;  ///< Authorization or Cookie in any request.
  void forget_requests();
  void forget_tokens();  ///< All tokens handed out so far are no good any more.
  std::optional<std::string> find_blob(const Digest& digest) const;
  std::optional<FakeReply> find_manifest(const std::string& repository, const std::string& tag_or_digest) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
