# Third-party libraries, all of them Debian packages (packaging/build-packages.txt).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Boost 1.81 REQUIRED)  # headers alone: Asio and Beast
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(YAML REQUIRED yaml-0.1)
# As an archive: one verb in thirty reads YAML, and a shared library costs every start.
find_library(IMGB_YAML_LIBRARY libyaml.a HINTS ${YAML_LIBRARY_DIRS} ${YAML_LIBDIR} REQUIRED)

# libcurl brings twenty libraries that take longer to load than a cached build takes to run. The registry room reads its
# header and opens the library at the first request, so this target has the include folder alone.
add_library(imgb_curl_headers INTERFACE)
target_include_directories(imgb_curl_headers SYSTEM INTERFACE ${CURL_INCLUDE_DIRS})
