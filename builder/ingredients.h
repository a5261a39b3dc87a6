#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/digest.h"

namespace imgb {

/// What a cache key is made of: named plain data, in order. The key is the digest of the encoding, so two steps share a
/// key exactly when all their ingredients are equal; --explain compares two lists to say why they are not.
///
/// Encoding: per ingredient the name, then the value, each as 4 bytes of length (little endian) and the bytes.
/// Names of files in the context start with "file ". Never a secret's value, never a history string (V47).
class Ingredients {
 public:
  Ingredients() = default;
  explicit Ingredients(std::string encoded) : encoded_(std::move(encoded)) {}

  void add(std::string_view name, std::string_view value);
  Digest key() const { return Digest::of(encoded_); }
  const std::string& encoded() const { return encoded_; }

 private:
  std::string encoded_;
};

/// How `after` differs from `before`, one sentence each, most telling first, at most `max_lines` and then "and N more":
/// "file src/app.py: content changed", "environment variable A: \"1\" became \"2\"", "the step above changed".
std::vector<std::string> explain_difference(const Ingredients& before, const Ingredients& after,
                                            std::size_t max_lines = 10);

/// The value of a "file " ingredient: what of one file counts for the key.
struct FileIngredient {
  std::string type;  ///< "file", "folder", "link", ...
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint64_t size_bytes = 0;
  std::string content;  ///< Digest, link target or device number.
  std::string xattrs;   ///< Digest of them; "" for none.
};
std::string render(const FileIngredient& file);
FileIngredient parse_file_ingredient(std::string_view text);

}  // namespace imgb
