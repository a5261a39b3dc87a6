#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/base/digest.h"

namespace imgb {

/// A name of an image: "[domain/]path[:tag][@digest]", normalised as Docker does: no domain means docker.io, one path
/// component on docker.io means library/. Grammar: distribution/reference.
class Reference {
 public:
  /// Throws Error(input) that says what is wrong ("repository name must be lowercase" and so on).
  static Reference parse(std::string_view text);
  static std::optional<Reference> find(std::string_view text);  ///< nullopt where parse throws.

  const std::string& domain() const { return domain_; }  ///< "docker.io", "localhost:5000", "[::1]:5000"
  const std::string& path() const { return path_; }      ///< "library/busybox"
  const std::optional<std::string>& tag() const { return tag_; }
  const std::optional<Digest>& digest() const { return digest_; }

  std::string name() const { return domain_ + "/" + path_; }
  std::string canonical() const;       ///< name[:tag][@digest], everything spelled out; no tag is invented.
  std::string familiar() const;        ///< As people write it: "busybox:latest", "localhost:5000/x".
  Reference with_default_tag() const;  ///< ":latest" when it has neither tag nor digest.
  Reference with_tag(std::string tag) const;
  Reference with_digest(Digest digest) const;
  friend bool operator==(const Reference&, const Reference&) = default;

 private:
  Reference() = default;
  /// nullopt: `problem` says why not.
  static std::optional<Reference> read(std::string_view text, std::string_view& problem);
  std::string domain_, path_;
  std::optional<std::string> tag_;
  std::optional<Digest> digest_;
};

}  // namespace imgb
