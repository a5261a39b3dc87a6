#include "registry/curl_options.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/certificates.h"

namespace imgb {

void CurlHeaderList::add(const std::string& line) {
  curl_slist* longer = curl().slist_append(list_, line.c_str());
  if (!longer) throw_error(ErrorKind::system, "libcurl: out of memory");
  list_ = longer;
}

void set_transport_options(CURL* easy, const TransportOptions& options, const std::optional<std::string>& proxy) {
  set_option(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(easy, CURLOPT_PATH_AS_IS, 1L);
  set_option(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set_option(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set_option(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set_option(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  set_option(easy, CURLOPT_NOSIGNAL, 1L);
  set_option(easy, CURLOPT_QUICK_EXIT, 1L);  // cancelling does not wait for a name server
  set_option(easy, CURLOPT_BUFFERSIZE, 256L * 1024);
  set_option(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set_option(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  set_option(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set_option(easy, CURLOPT_PROXY, proxy ? proxy->c_str() : "");  // "" keeps libcurl from reading the environment itself
  set_option(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

void set_trust_options(CURL* easy, const TlsOptions& tls, const TransportOptions& options, bool folder_is_hashed) {
  set_option(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set_option(easy, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  set_option(easy, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!options.ca_file.empty()) {
    set_option(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  } else if (folder_is_hashed) {
    set_option(easy, CURLOPT_CAINFO, static_cast<char*>(nullptr));
  }
  set_option(easy, CURLOPT_CAPATH, options.ca_folder.empty() ? kCertificateFolder : options.ca_folder.c_str());
  if (!tls.verify) {
    // Reading the system's certificates costs more than the handshake.
    set_option(easy, CURLOPT_CAINFO, static_cast<char*>(nullptr));
    set_option(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  } else if (!tls.extra_ca_files.empty()) {
    // The blob takes the place of the bundle file; the system's own certificates stay reachable through the folder.
    std::string pem = read_certificates(tls.extra_ca_files);
    curl_blob blob{pem.data(), pem.size(), CURL_BLOB_COPY};
    set_option(easy, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.client_certificate_file.empty()) {
    set_option(easy, CURLOPT_SSLCERT, tls.client_certificate_file.c_str());
    set_option(easy, CURLOPT_SSLKEY, tls.client_key_file.c_str());
  }
}

void set_request_options(CURL* easy, const HttpRequest& request, CurlHeaderList& lines) {
  set_option(easy, CURLOPT_URL, request.url.str().c_str());
  if (request.method == "HEAD") {
    set_option(easy, CURLOPT_NOBODY, 1L);
  } else if (request.upload) {
    set_option(easy, CURLOPT_UPLOAD, 1L);
    set_option(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload->size_bytes));
    set_option(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
  } else if (request.body) {
    set_option(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    set_option(easy, CURLOPT_COPYPOSTFIELDS, request.body->c_str());
  }
  set_option(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  for (const auto& field : request.headers.fields()) {
    if ((field.name + field.value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw_error(ErrorKind::input, "header {} holds a line break", printable(field.name, 64));
    }
    lines.add(field.value.empty() ? field.name + ";" : field.name + ": " + field.value);
  }
  lines.add("Expect:");
  set_option(easy, CURLOPT_HTTPHEADER, lines.get());
}

}  // namespace imgb
