#include "builder/ingredients.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kFile = "file ";

void append_field(std::string& into, std::string_view field) {
  auto size = static_cast<std::uint32_t>(field.size());
  for (int shift = 0; shift < 32; shift += 8) into.push_back(static_cast<char>(size >> shift));
  into += field;
}

/// nullopt at the end, or where a record of an older format is cut: --explain then says less.
std::optional<std::string_view> take_field(std::string_view& rest) {
  if (rest.size() < 4) return std::nullopt;
  std::uint32_t size = 0;
  for (int i = 0; i < 4; ++i) size |= static_cast<std::uint32_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
  if (rest.size() - 4 < size) return std::nullopt;
  auto field = rest.substr(4, size);
  rest.remove_prefix(4 + static_cast<std::size_t>(size));
  return field;
}

/// Some names repeat ("item"): the second of a name is compared with the second.
struct Name {
  std::string_view text;
  std::size_t number = 0;
  friend bool operator==(const Name&, const Name&) = default;
};
struct HashName {
  std::size_t operator()(const Name& name) const {
    return std::hash<std::string_view>{}(name.text) + name.number * 0x9e3779b97f4a7c15ULL;
  }
};
using Field = std::pair<Name, std::string_view>;
using FieldMap = std::unordered_map<Name, std::string_view, HashName>;

std::vector<Field> fields_of(const Ingredients& ingredients) {
  std::vector<Field> fields;
  std::unordered_map<std::string_view, std::size_t> count;
  std::string_view rest = ingredients.encoded();
  for (;;) {
    auto name = take_field(rest);
    auto value = name ? take_field(rest) : std::nullopt;
    if (!value) return fields;
    fields.emplace_back(Name{*name, count[*name]++}, *value);
  }
}

std::string shown(std::string_view value) {
  return value.size() > 80 ? go_quote(value.substr(0, 77)) + "..." : go_quote(value);
}

std::string file_difference(std::string_view name, std::string_view before, std::string_view after) {
  FileIngredient a = parse_file_ingredient(before), b = parse_file_ingredient(after);
  std::vector<std::string> parts;
  if (a.type != b.type) return fmt::format("{}: was a {}, is a {}", printable(name), a.type, b.type);
  if (a.size_bytes != b.size_bytes) parts.push_back(fmt::format("size {} became {}", a.size_bytes, b.size_bytes));
  if (a.content != b.content) parts.emplace_back(a.type == "link" ? "link target changed" : "content changed");
  if (a.mode != b.mode) parts.push_back(fmt::format("mode {:04o} became {:04o}", a.mode, b.mode));
  if (a.uid != b.uid || a.gid != b.gid)
    parts.push_back(fmt::format("owner {}:{} became {}:{}", a.uid, a.gid, b.uid, b.gid));
  if (a.xattrs != b.xattrs) parts.emplace_back("extended attributes changed");
  return fmt::format("{}: {}", printable(name), join(parts, ", "));
}

std::string shown(const Name& name) {
  bool numbered = name.number > 0 && !name.text.starts_with(kFile);
  return numbered ? fmt::format("{} {}", printable(name.text), name.number + 1) : printable(name.text);
}

std::string difference(const Name& name, std::string_view before, std::string_view after) {
  if (name.text.starts_with(kFile)) return file_difference(name.text, before, after);
  if (name.text == "parent") return "the file system below changed";
  return fmt::format("{}: {} became {}", shown(name), shown(before), shown(after));
}

}  // namespace

void Ingredients::add(std::string_view name, std::string_view value) {
  append_field(encoded_, name);
  append_field(encoded_, value);
}

std::vector<std::string> explain_difference(const Ingredients& before, const Ingredients& after,
                                            std::size_t max_lines) {
  auto old_fields = fields_of(before), new_fields = fields_of(after);
  FieldMap old_by_name(old_fields.begin(), old_fields.end()), new_by_name(new_fields.begin(), new_fields.end());
  std::vector<std::string> lines;
  for (const auto& [name, value] : new_fields) {
    auto was = old_by_name.find(name);
    if (was == old_by_name.end()) {
      lines.push_back(name.text.starts_with(kFile) ? fmt::format("{}: added", shown(name))
                                                   : fmt::format("{}: {} is new", shown(name), shown(value)));
    } else if (was->second != value) {
      lines.push_back(difference(name, was->second, value));
    }
  }
  for (const auto& [name, value] : old_fields) {
    if (!new_by_name.contains(name)) {
      lines.push_back(
          fmt::format("{}: {}", shown(name), name.text.starts_with(kFile) ? "removed" : "is no longer there"));
    }
  }
  if (lines.empty() && before.encoded() != after.encoded()) lines.emplace_back("the order of its inputs changed");
  if (lines.size() > max_lines) {
    std::size_t more = lines.size() - max_lines;
    lines.resize(max_lines);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

std::string render(const FileIngredient& file) {
  return fmt::format("{} {:o} {} {} {} {} {}", file.type, file.mode, file.uid, file.gid, file.size_bytes,
                     file.xattrs.empty() ? "-" : file.xattrs, file.content);
}

FileIngredient parse_file_ingredient(std::string_view text) {
  FileIngredient file;
  auto next = [&text] {
    std::size_t space = std::min(text.find(' '), text.size());
    auto word = text.substr(0, space);
    text.remove_prefix(std::min(space + 1, text.size()));
    return word;
  };
  file.type = next();
  file.mode = static_cast<std::uint32_t>(find_octal(next()).value_or(0));
  file.uid = static_cast<std::uint32_t>(find_unsigned(next()).value_or(0));
  file.gid = static_cast<std::uint32_t>(find_unsigned(next()).value_or(0));
  file.size_bytes = find_unsigned(next()).value_or(0);
  file.xattrs = next();
  if (file.xattrs == "-") file.xattrs.clear();
  file.content = text;
  return file;
}

}  // namespace imgb
