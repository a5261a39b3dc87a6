#include "cli/image_list.h"

#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "builder/build_lock.h"
#include "builder/environment.h"
#include "builder/expand.h"
#include "builder/named_images.h"
#include "builder/syntax_directive.h"
#include "cli/yaml.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

class List {
 public:
  void add(const std::string& name, const std::string& where) {
    if (seen_.insert(name).second) found_.push_back({name, where});
  }
  std::vector<ListedImage> take() { return std::move(found_); }

 private:
  std::set<std::string> seen_;
  std::vector<ListedImage> found_;
};

void add_lines(List& list, const std::string& file, std::string_view text) {
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    std::string_view name = trim(line.substr(0, line.find('#')));
    if (name.empty()) continue;
    if (name.find_first_of(" \t") != std::string_view::npos)
      throw_error(ErrorKind::input, "{}: line {}: {:?} is more than one name", file, number, printable(name, 128));
    list.add(std::string(name), fmt::format("{}:{}", file, number));
  }
}

void add_dockerfile(List& list, const std::string& file, std::string_view text, const ListOptions& options) {
  // Other builders fetch the frontend that the file asks for, so a place without a network needs it as well.
  if (auto syntax = find_syntax(text)) list.add(*syntax, file + ": # syntax");
  Dockerfile parsed = parse_dockerfile(file, std::string(text));
  for (const NamedImageUse& use : images_named_in(parsed, options.build_args))
    list.add(use.name, fmt::format("{}:{}", file, use.lines.first));
}

/// ${VAR} and its forms, "$$" is a dollar: as a Dockerfile's words are expanded, but for that.
std::string interpolate(std::string_view text, const ListOptions& options) {
  std::string word;
  Environment known;
  for (std::size_t i = 0; i < text.size(); ++i) {
    word += text[i];
    if (text[i] != '$') continue;
    if (i + 1 < text.size() && text[i + 1] == '$') {
      word.insert(word.size() - 1, "\\");
      ++i;
      continue;
    }
    std::size_t begin = text.find_first_not_of('{', i + 1);
    if (begin == std::string_view::npos) continue;
    std::size_t end = begin;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) ++end;
    std::string name(text.substr(begin, end - begin));
    if (auto value = options.variable ? options.variable(name) : std::nullopt) known.set(name, *value);
  }
  return expand_word(Word{word}, known);
}

const nlohmann::json* find(const nlohmann::json& map, const char* key) {
  if (!map.is_object()) return nullptr;
  auto at = map.find(key);
  return at == map.end() ? nullptr : &*at;
}

void add_compose(List& list, const std::string& file, const nlohmann::json& document, const ListOptions& options) {
  if (find(document, "include") != nullptr)
    throw Error(ErrorKind::unsupported, fmt::format("{}: \"include\" names other compose files", file))
        .set_hint("give each of them with a --from of its own, and this one without its \"include\"");
  const nlohmann::json& services = document.at("services");
  if (!services.is_object()) throw_error(ErrorKind::input, "{}: \"services\" is no mapping", file);
  for (const auto& [service, content] : services.items()) {
    const nlohmann::json* image = find(content, "image");
    if (image == nullptr || !image->is_string() || find(content, "build") != nullptr) continue;  // made, not fetched
    std::string where = fmt::format("{}: service {}", file, printable(service, 128));
    list.add(in_context([&] { return where; }, [&] { return interpolate(image->get<std::string>(), options); }), where);
  }
}

/// Workloads say `image` in their containers, operators' own kinds wherever they like; an image volume says it in
/// image.reference.
void add_kubernetes(List& list, const std::string& where, const nlohmann::json& node) {
  if (node.is_array()) {
    for (const auto& item : node) add_kubernetes(list, where, item);
    return;
  }
  if (!node.is_object()) return;
  for (const auto& [key, value] : node.items()) {
    const nlohmann::json* reference = key == "image" ? find(value, "reference") : nullptr;
    const nlohmann::json& name = reference != nullptr ? *reference : value;
    if (key == "image" && name.is_string() && !name.get<std::string>().empty())
      list.add(name.get<std::string>(), where);
    else
      add_kubernetes(list, where, value);
  }
}

std::string text_at(const nlohmann::json& node, const char* key) {
  const nlohmann::json* value = find(node, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

void add_yaml(List& list, const std::string& file, std::string_view text, const ListOptions& options) {
  for (const nlohmann::json& document : parse_yaml(text, file)) {
    if (document.is_null() || (document.is_string() && document.get<std::string>().empty())) continue;  // an empty one
    const nlohmann::json* metadata = find(document, "metadata");
    if (find(document, "services") != nullptr && find(document, "apiVersion") == nullptr) {
      add_compose(list, file, document, options);
    } else if (find(document, "imgbLock") != nullptr) {
      for (const BuildLock::Image& image : parse_lock(text).images) list.add(image.image.canonical(), file);
    } else if (find(document, "apiVersion") != nullptr) {
      std::string name = metadata != nullptr ? text_at(*metadata, "name") : "";
      add_kubernetes(list, printable(fmt::format("{}: {} {}", file, text_at(document, "kind"), name), 256), document);
    } else {
      throw_error(ErrorKind::input, "{}: neither a compose file (no \"services\") nor Kubernetes (no \"apiVersion\")",
                  file);
    }
  }
}

enum class Kind { lines, dockerfile, yaml };

/// By the first line that says anything: a Dockerfile's is an instruction with something behind it, YAML's a marker, a
/// brace or "key:" with a blank or nothing behind it, which no image's name has.
Kind kind_of(std::string_view text) {
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with("---") || line.starts_with('{') || line.starts_with('%')) return Kind::yaml;
    std::string_view first = line.substr(0, line.find_first_of(" \t"));
    if (first.ends_with(':')) return Kind::yaml;
    std::string word = lower_ascii(first);
    if (first.size() < line.size() && (word == "from" || word == "arg")) return Kind::dockerfile;
    return Kind::lines;
  }
  return Kind::lines;
}

}  // namespace

std::vector<ListedImage> read_image_list(const std::string& file, std::string_view text, const ListOptions& options) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  List list;
  switch (kind_of(text)) {
    case Kind::dockerfile:
      add_dockerfile(list, file, text, options);
      break;
    case Kind::yaml:
      add_yaml(list, file, text, options);
      break;
    case Kind::lines:
      add_lines(list, file, text);
  }
  return list.take();
}

}  // namespace imgb
