#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/oci/descriptor.h"
#include "core/oci/image_config.h"
#include "registry/http.h"

namespace imgb {

struct FakeRequest {
  std::string method, target, body;
  Headers headers;
  std::string path() const { return target.substr(0, target.find('?')); }
  std::string query(std::string_view name) const;  ///< Decoded; "" when absent.
  std::string header(std::string_view name) const { return std::string(headers.find(name).value_or("")); }
};
struct FakeReply {
  int status = 200;
  Headers headers;
  std::string body;
};

/// Something that goes wrong with the answers to some requests. The first fault that fits a request and has `times`
/// left is used.
struct FakeFault {
  std::string method;  ///< "" fits all.
  std::string path;    ///< Part of the target; "" fits all.
  int times = 1;       ///< Negative: for ever.

  int status = 0;                                   ///< Answered instead of the real thing, when not 0 ...
  Headers headers = {};                             ///< ... with these, which are also added to a real answer ...
  std::optional<std::string> body = {};             ///< ... and this.
  std::function<void(FakeReply&)> change = {};      ///< Has the last word about the answer.
  std::optional<std::uint64_t> cut_at = {};         ///< The connection closes after that many bytes of the body.
  std::optional<std::string> raw = {};              ///< These bytes instead of any HTTP; then the connection closes.
  std::chrono::milliseconds byte_every{0};          ///< One byte of the body at a time, this far apart.
  bool silent = false;                              ///< Reads the request and never answers.
  bool reset = false;                               ///< Resets the connection instead of answering.
  bool no_ranges = false;                           ///< As if Range had not been asked.
  bool chunked = false;                             ///< Transfer-Encoding: chunked instead of Content-Length.
  std::optional<std::uint64_t> endless_after = {};  ///< Chunked, and after that many bytes zeros without end.
};

/// A registry on loopback in this process, as good or as bad as a test wants it: OCI distribution API (pull and push),
/// token service, plain files, faults; and a record of everything it was asked. Ends with the object.
class FakeRegistry {
 public:
  enum class Auth { none, basic, bearer };
  enum class Tls {
    none,
    good,  ///< Valid for 127.0.0.1, ::1 and localhost; trusted with ca_file().
    expired,
    wrong_name,
    only_1_1,       ///< Speaks TLS 1.1 at most.
    cut_handshake,  ///< Closes when it hears the client's hello.
  };
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
