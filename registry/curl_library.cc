#include "registry/curl_library.h"

#include <dlfcn.h>

namespace imgb {
namespace {

CurlLibrary open_library() {
  void* handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    Error e(ErrorKind::unsupported, fmt::format("cannot open libcurl.so.4: {}", dlerror()));
    e.set_hint("install the package that holds it: apt-get install libcurl4");
    throw e;
  }
  CurlLibrary library{};
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

}  // namespace

const CurlLibrary& curl() {
  static const CurlLibrary library = open_library();
  return library;
}

}  // namespace imgb
