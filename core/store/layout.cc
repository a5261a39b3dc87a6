#include "core/store/layout.h"

namespace imgb::layout {
namespace {

std::string_view name_of(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::sha256 ? "sha256" : "sha512";
}

}  // namespace

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
