#pragma once
#include <curl/curl.h>

#include "core/base/error.h"

namespace imgb {

/// libcurl, which the files named curl_* know and no others. It is not linked: loading it and what it brings takes
/// longer than a cached build, so it is opened at the first request and its functions are found by name, once.
struct CurlLibrary {
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

/// A shared library is the process's, so this one table is too. Error(unsupported), again at each call, while it cannot
/// be opened; the package to install is its hint.
const CurlLibrary& curl();

/// Error(unsupported) on an option that this libcurl does not have.
template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
  CURLcode code = curl().easy_setopt(easy, option, value);
  if (code != CURLE_OK) {
    throw_error(ErrorKind::unsupported, "libcurl refuses option {}: {}", static_cast<int>(option),
                curl().easy_strerror(code));
  }
}

}  // namespace imgb
