#include "registry/curl_transport.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/task.h"
#include "core/base/text.h"
#include "registry/response_head.h"

// The only file that knows libcurl. The library is not linked: loading it and what it brings takes longer than a cached
// build, so it is opened at the first request and its functions are found by name, once.

namespace imgb {
namespace {

constexpr const char* kCertificateFolder = "/etc/ssl/certs";

struct Library {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_wakeup) multi_wakeup;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

Library open_library() {
  void* handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    Error e(ErrorKind::unsupported, fmt::format("cannot open libcurl.so.4: {}", dlerror()));
    e.set_hint("install the package that holds it: apt-get install libcurl4");
    throw e;
  }
  Library library{};
  auto load = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    if (!function)
      throw_error(ErrorKind::unsupported, "libcurl.so.4 has no {}: imgb needs libcurl 7.88 or later", name);
  };
#define IMGB_LOAD(name) load(library.name, "curl_" #name)
  IMGB_LOAD(global_init);
  IMGB_LOAD(easy_init);
  IMGB_LOAD(easy_cleanup);
  IMGB_LOAD(easy_reset);
  IMGB_LOAD(easy_setopt);
  IMGB_LOAD(easy_getinfo);
  IMGB_LOAD(easy_strerror);
  IMGB_LOAD(multi_init);
  IMGB_LOAD(multi_cleanup);
  IMGB_LOAD(multi_add_handle);
  IMGB_LOAD(multi_remove_handle);
  IMGB_LOAD(multi_perform);
  IMGB_LOAD(multi_poll);
  IMGB_LOAD(multi_wakeup);
  IMGB_LOAD(multi_info_read);
  IMGB_LOAD(slist_append);
  IMGB_LOAD(slist_free_all);
#undef IMGB_LOAD
  if (library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw_error(ErrorKind::unsupported, "libcurl does not start");
  }
  return library;
}

/// A shared library is the process's, so this one table is too. Throws again at each call while it cannot be opened.
const Library& curl() {
  static const Library library = open_library();
  return library;
}

/// OpenSSL writes with write(2): a closed peer must be an error, not a signal. Holds it back for this thread only.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~WithoutSigpipe() {
    if (sigismember(&before_, SIGPIPE)) return;
    timespec at_once{};
    while (sigtimedwait(&sigpipe_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;

 private:
  sigset_t sigpipe_, before_;
};

/// One connection cache with the handle that uses it: one transfer at a time.
class Channel {
 public:
  Channel() : multi_(curl().multi_init()), easy_(curl().easy_init()) {
    if (!multi_ || !easy_) throw_error(ErrorKind::system, "libcurl: out of memory");
  }
  ~Channel() {
    if (easy_) curl().easy_cleanup(easy_);
    if (multi_) curl().multi_cleanup(multi_);
  }
  Channel(const Channel&) = delete;
  CURLM* multi() const { return multi_; }
  CURL* easy() const { return easy_; }
  Origin last;  ///< Whom it has a connection to.

 private:
  CURLM* multi_;
  CURL* easy_;
};

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  ~HeaderList() { curl().slist_free_all(list_); }
  void add(const std::string& line) {
    curl_slist* longer = curl().slist_append(list_, line.c_str());
    if (!longer) throw_error(ErrorKind::system, "libcurl: out of memory");
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

std::optional<AddressClass> find_socket_class(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return classify_address({reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4});
  }
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return classify_address({reinterpret_cast<const std::uint8_t*>(&v6.sin6_addr), 16});
  }
  return std::nullopt;
}

/// The state of one exchange, and the callbacks that libcurl makes into it. No exception leaves a callback: it is kept
/// here, libcurl is told to stop, and perform() throws it.
class Transfer {
 public:
  Transfer(const HttpRequest& request, const HttpTransport::OnHead& on_head, CURL* easy, bool proxied)
      : request_(request), on_head_(on_head), easy_(easy), proxied_(proxied) {}

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->guarded(size, [&](Transfer& t) { t.take_header({data, size}); });
  }
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    return static_cast<Transfer*>(self)->guarded(size, [&](Transfer& t) { t.take_body({data, size}); });
  }
  /// Before a connection is made: the address is looked at, not the name.
  static curl_socket_t on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& t = *static_cast<Transfer*>(self);
    if (!t.may_use(find_socket_class(address->addr))) return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  /// Before a request is sent, also on a connection that was kept from an earlier one.
  static int on_before_request(void* self, char* peer, char*, int, int) {
    auto& t = *static_cast<Transfer*>(self);
    return t.may_use(find_address_class(peer ? peer : "")) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  }

  const ResponseHead& head() const { return parser_.head(); }
  bool got_head() const { return got_head_; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  const std::exception_ptr& failure() const { return failure_; }
  const std::optional<AddressClass>& refused() const { return refused_; }
  char* error_text() { return error_text_; }

 private:
  template <class Use>
  std::size_t guarded(std::size_t size, Use use) noexcept {
    try {
      bytes_in_ += size;
      use(*this);
      return size;
    } catch (...) {
      failure_ = std::current_exception();
      return size == 0 ? 1 : 0;  // anything but `size` makes libcurl stop
    }
  }
  void take_header(std::string_view line) {
    if (!parser_.add_line(line)) return;
    ResponseHead head = parser_.head();
    char* peer = nullptr;
    curl().easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &peer);
    if (!proxied_ && peer) head.peer = find_address_class(peer);
    peer_ = head.peer;
    got_head_ = true;
    sink_ = on_head_(head);
  }
  void take_body(std::string_view data) {
    if (sink_) sink_->write(as_bytes(data));
  }
  bool may_use(std::optional<AddressClass> address) noexcept {
    if (proxied_ || !address || request_.addresses.allows(*address)) return true;
    refused_ = address;
    return false;
  }

  const HttpRequest& request_;
  const HttpTransport::OnHead& on_head_;
  CURL* easy_;
  bool proxied_;
  ResponseHeadParser parser_;
  bool got_head_ = false;
  Sink* sink_ = nullptr;
  std::uint64_t bytes_in_ = 0;
  std::exception_ptr failure_;
  std::optional<AddressClass> refused_, peer_;
  char error_text_[CURL_ERROR_SIZE] = {};

 public:
  const std::optional<AddressClass>& peer() const { return peer_; }
};

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  CURLcode code = curl().easy_setopt(easy, option, value);
  if (code != CURLE_OK) {
    throw_error(ErrorKind::unsupported, "libcurl refuses option {}: {}", static_cast<int>(option),
                curl().easy_strerror(code));
  }
}

/// PEM text of all the files, for one option that takes one blob.
std::string read_certificates(const std::vector<std::string>& files) {
  std::ostringstream all;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw_errno("certificate {}", file);
    all << in.rdbuf() << '\n';
  }
  return all.str();
}

/// Whether OpenSSL finds certificates in the folder by the hash of their names ("1d3472b9.0"). Then the bundle file,
/// which takes 50 ms to read for each connection, is not needed.
bool is_hashed(const std::filesystem::path& folder) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    std::string name = entry.path().filename().string();
    if (name.size() == 10 && name.ends_with(".0") && name.find_first_not_of("0123456789abcdef") == 8) return true;
  }
  return false;
}

void configure_trust(CURL* easy, const TlsOptions& tls, const TransportOptions& options, bool folder_is_hashed) {
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!options.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  } else if (folder_is_hashed) {
    set(easy, CURLOPT_CAINFO, static_cast<char*>(nullptr));
  }
  set(easy, CURLOPT_CAPATH, options.ca_folder.empty() ? kCertificateFolder : options.ca_folder.c_str());
  if (!tls.verify) {
    // Reading the system's certificates costs more than the handshake.
    set(easy, CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  } else if (!tls.extra_ca_files.empty()) {
    // The blob takes the place of the bundle file; the system's own certificates stay reachable through the folder.
    std::string pem = read_certificates(tls.extra_ca_files);
    curl_blob blob{pem.data(), pem.size(), CURL_BLOB_COPY};
    set(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_certificate_file.empty()) {
    set(easy, CURLOPT_SSLCERT, tls.client_certificate_file.c_str());
    set(easy, CURLOPT_SSLKEY, tls.client_key_file.c_str());
  }
}

void configure_callbacks(CURL* easy, Transfer& transfer) {
  set(easy, CURLOPT_ERRORBUFFER, transfer.error_text());
  set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy, CURLOPT_HEADERDATA, &transfer);
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy, CURLOPT_WRITEDATA, &transfer);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
  set(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_before_request);
  set(easy, CURLOPT_PREREQDATA, &transfer);
}

void configure_request(CURL* easy, const HttpRequest& request, HeaderList& lines) {
  set(easy, CURLOPT_URL, request.url.str().c_str());
  if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else if (request.body) {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    set(easy, CURLOPT_COPYPOSTFIELDS, request.body->c_str());
  }
  set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  for (const auto& field : request.headers.fields()) {
    if ((field.name + field.value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw_error(ErrorKind::input, "header {} holds a line break", printable(field.name, 64));
    }
    lines.add(field.value.empty() ? field.name + ";" : field.name + ": " + field.value);
  }
  lines.add("Expect:");
  set(easy, CURLOPT_HTTPHEADER, lines.get());
}

void configure_transport(CURL* easy, const TransportOptions& options, const std::optional<std::string>& proxy) {
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // cancelling does not wait for a name server
  set(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_PROXY, proxy ? proxy->c_str() : "");  // "" keeps libcurl from reading the environment itself
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

TransportFailure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return TransportFailure::resolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PROXY:
      return TransportFailure::connect;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
      return TransportFailure::tls;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
      return TransportFailure::malformed;
    default:
      return TransportFailure::cut;
  }
}

/// A handshake that failed because the other side speaks no TLS at all, or hung up on ours.
bool speaks_no_tls(CURLcode code, std::string_view text) {
  if (code != CURLE_SSL_CONNECT_ERROR) return false;
  for (std::string_view sign : {"wrong version number", "packet length too long", "http request", "record overflow"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

ErrorKind kind_of(TransportFailure failure) {
  switch (failure) {
    case TransportFailure::tls:
    case TransportFailure::no_tls:
    case TransportFailure::refused_address:
      return ErrorKind::denied;
    default:
      return ErrorKind::unavailable;
  }
}

[[noreturn]] void throw_failure(CURLcode code, Transfer& transfer, const HttpRequest& request) {
  const std::string& host = request.url.origin.host;
  std::string text = transfer.error_text()[0] ? transfer.error_text() : curl().easy_strerror(code);
  TransportFailure failure = failure_of(code);
  if (code == CURLE_SSL_CONNECT_ERROR) failure = TransportFailure::tls;
  if (speaks_no_tls(code, text)) failure = TransportFailure::no_tls;
  if (transfer.refused()) {
    failure = TransportFailure::refused_address;
    text = fmt::format("{} leads to a {} address, where a server may not send us", host, name_of(*transfer.refused()));
  }
  TransportError error(failure, kind_of(failure), printable(text, 512));
  if (failure == TransportFailure::resolve) {
    error.set_hint(fmt::format(
        "{} has no address here: is this machine online? --pull=never builds from local images, and a mirror can be "
        "named in registries.conf",
        host));
  } else if (failure == TransportFailure::connect) {
    error.set_hint(fmt::format("nobody answers at {}: is this machine online, and does it need a proxy (HTTPS_PROXY)?",
                               request.url.origin.authority()));
  } else if (failure == TransportFailure::tls) {
    error.set_hint(fmt::format("a private authority's certificate goes to /etc/containers/certs.d/{}/ca.crt",
                               request.url.origin.authority()));
  } else if (failure == TransportFailure::no_tls) {
    error.set_hint(fmt::format("plain HTTP is used only where registries.conf says insecure = true for {}",
                               request.url.origin.authority()));
  }
  throw error;
}

/// Ends a transfer that moves too little. Only time spent waiting for the other side counts: a sink may be slow.
class StallWatch {
 public:
  StallWatch(std::chrono::milliseconds limit, std::uint64_t bytes) : limit_(limit), bytes_(bytes) {}
  int poll_ms() const {
    return static_cast<int>(
        std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(limit_ - waited_).count()));
  }
  void add(std::chrono::steady_clock::duration waited, std::uint64_t moved_in_all) {
    waited_ += std::chrono::duration_cast<std::chrono::microseconds>(waited);
    if (moved_in_all - moved_before_ >= bytes_) {
      moved_before_ = moved_in_all;
      waited_ = {};
    } else if (waited_ >= limit_) {
      throw TransportError(TransportFailure::stalled, ErrorKind::unavailable,
                           fmt::format("stalled: {} bytes in {} ms", moved_in_all - moved_before_,
                                       std::chrono::duration_cast<std::chrono::milliseconds>(limit_).count()));
    }
  }

 private:
  std::chrono::microseconds limit_, waited_{};
  std::uint64_t bytes_, moved_before_ = 0;
};

/// In the multi handle for as long as it lives.
class Added {
 public:
  explicit Added(Channel& channel) : channel_(channel) { curl().multi_add_handle(channel.multi(), channel.easy()); }
  ~Added() { curl().multi_remove_handle(channel_.multi(), channel_.easy()); }
  Added(const Added&) = delete;

 private:
  Channel& channel_;
};

CURLcode run(Channel& channel, Transfer& transfer, StallWatch stall, const std::stop_token& stop) {
  Added added(channel);
  std::stop_callback wake(stop, [&] { curl().multi_wakeup(channel.multi()); });
  for (int running = 1;;) {
    throw_if_stopped(stop);
    if (curl().multi_perform(channel.multi(), &running) != CURLM_OK) {
      throw_error(ErrorKind::internal, "libcurl: the transfer cannot go on");
    }
    if (running == 0) break;
    auto before = std::chrono::steady_clock::now();
    curl().multi_poll(channel.multi(), nullptr, 0, stall.poll_ms(), nullptr);
    stall.add(std::chrono::steady_clock::now() - before, transfer.bytes_in());
  }
  int left = 0;
  while (CURLMsg* message = curl().multi_info_read(channel.multi(), &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  throw_error(ErrorKind::internal, "libcurl: a transfer ended without a result");
}

}  // namespace

/// Idle channels. One that has a connection to the wanted server is taken before others.
struct CurlTransport::Pool {
  static constexpr std::size_t kMaxIdle = 16;
  Guarded<std::vector<std::unique_ptr<Channel>>> idle;

  std::unique_ptr<Channel> take(const Origin& origin) {
    auto found = idle.with([&](auto& channels) -> std::unique_ptr<Channel> {
      if (channels.empty()) return nullptr;
      auto same = std::find_if(channels.begin(), channels.end(), [&](auto& c) { return c->last == origin; });
      if (same == channels.end() && channels.size() < kMaxIdle) return nullptr;
      if (same == channels.end()) same = channels.begin();
      auto taken = std::move(*same);
      channels.erase(same);
      return taken;
    });
    return found ? std::move(found) : std::make_unique<Channel>();
  }
  void give_back(std::unique_ptr<Channel> channel) {
    idle.with([&](auto& channels) {
      if (channels.size() < kMaxIdle) channels.push_back(std::move(channel));
    });
  }
};

CurlTransport::CurlTransport(TransportOptions options)
    : options_(std::move(options)), pool_(std::make_unique<Pool>()) {}
CurlTransport::~CurlTransport() = default;

ResponseHead CurlTransport::perform(const HttpRequest& request, const OnHead& on_head, std::stop_token stop) {
  throw_if_stopped(stop);
  WithoutSigpipe without_sigpipe;
  std::call_once(trust_once_, [&] {
    trust_folder_is_hashed_ = is_hashed(options_.ca_folder.empty() ? kCertificateFolder : options_.ca_folder);
  });
  auto channel = pool_->take(request.url.origin);
  curl().easy_reset(channel->easy());
  auto proxy = find_proxy(options_.proxies, request.url.origin);
  Transfer transfer(request, on_head, channel->easy(), proxy.has_value());
  HeaderList lines;
  configure_transport(channel->easy(), options_, proxy);
  configure_trust(channel->easy(), request.tls, options_, trust_folder_is_hashed_);
  configure_callbacks(channel->easy(), transfer);
  configure_request(channel->easy(), request, lines);
  channel->last = request.url.origin;
  // A channel whose transfer throws is dropped with its connection: nothing half read is used again.
  CURLcode code = run(*channel, transfer, StallWatch(options_.stall_timeout, options_.stall_bytes), stop);
  if (transfer.failure()) std::rethrow_exception(transfer.failure());
  if (code != CURLE_OK) throw_failure(code, transfer, request);
  if (!transfer.got_head()) {
    throw TransportError(TransportFailure::malformed, ErrorKind::unavailable, "the answer has no header");
  }
  ResponseHead head = transfer.head();
  head.peer = transfer.peer();
  curl().easy_reset(channel->easy());  // no pointer into this frame stays
  pool_->give_back(std::move(channel));
  return head;
}

}  // namespace imgb
