#pragma once
#include <span>
#include <stdexcept>
#include <string_view>

#include "core/base/error.h"

namespace imgb::fuzz {

/// Something that reads what strangers write. It takes any bytes: an Error is a fine answer and is caught inside; a
/// crash, another exception or a broken promise (want()) is a finding. Fast, pure, without state between calls.
struct Target {
  std::string_view name;  ///< Also of its folder below tests/unit/fuzz/data.
  void (*run)(std::string_view bytes);
};
std::span<const Target> targets();
const Target* find_target(std::string_view name);

/// A promise of the code under test.
inline void want(bool kept, const char* promise) {
  if (!kept) throw std::logic_error(promise);
}

/// An Error is a fine answer here, as long as it does not call itself a bug of ours.
template <class Body>
void may_refuse(Body body) {
  try {
    body();
  } catch (const Error& e) {
    want(e.kind() != ErrorKind::internal, "no input leads to an internal error");
  }
}

// builder_targets.cc
void dockerfile(std::string_view bytes);
void words(std::string_view bytes);
void ignore_file(std::string_view bytes);
void flag_values(std::string_view bytes);
// core_targets.cc
void reference(std::string_view bytes);
void manifest(std::string_view bytes);
void image_config(std::string_view bytes);
// layer_targets.cc
void layer_tar(std::string_view bytes);
void table_of_contents(std::string_view bytes);
void compressed(std::string_view bytes);
// registry_targets.cc
void url(std::string_view bytes);
void http_answer(std::string_view bytes);
void registries_conf(std::string_view bytes);
void auth_file(std::string_view bytes);
// server_targets.cc
void server_request(std::string_view bytes);
// host_targets.cc
void user_files(std::string_view bytes);
void terminal_text(std::string_view bytes);

}  // namespace imgb::fuzz
