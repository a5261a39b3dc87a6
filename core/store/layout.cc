#include "core/store/layout.h"

#include <nlohmann/json.hpp>

namespace imgb::layout {
namespace {

std::string_view name_of(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::sha256 ? "sha256" : "sha512";
}

}  // namespace

std::optional<std::string> find_unknown_version(std::string_view marker) {
  auto json = nlohmann::json::parse(marker, nullptr, false);
  auto found = json.is_object() ? json.find("imageLayoutVersion") : json.end();
  if (found == json.end() || !found->is_string()) return std::nullopt;
  auto version = found->get<std::string>();
  return version.starts_with("1.") ? std::nullopt : std::optional(std::move(version));
}

std::string blob_folder(DigestAlgorithm algorithm) {
  return std::string(kBlobs) + "/" + std::string(name_of(algorithm));
}

std::string blob(const Digest& digest) { return blob_folder(digest.algorithm()) + "/" + digest.hex(); }

std::optional<Digest> find_blob(DigestAlgorithm algorithm, std::string_view file_name) {
  return Digest::find(std::string(name_of(algorithm)) + ":" + std::string(file_name));
}

std::string quarantined(const Digest& digest) { return std::string(name_of(digest.algorithm())) + "-" + digest.hex(); }

std::string ingest(std::string_view file) { return std::string(kIngest) + "/" + std::string(file); }

std::string partial(const Digest& digest) { return std::string(name_of(digest.algorithm())) + "-" + digest.hex(); }

std::optional<Digest> find_partial(std::string_view file_name) {
  std::size_t dash = file_name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  return Digest::find(std::string(file_name.substr(0, dash)) + ":" + std::string(file_name.substr(dash + 1)));
}

}  // namespace imgb::layout
