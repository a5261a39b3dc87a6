#include "cli/yaml.h"

#include <yaml.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::string_view kMergeKey = "<<";

class Parser {
 public:
  Parser(std::string_view text, std::string_view what) : what_(what) {
    if (yaml_parser_initialize(&parser_) == 0) throw_error(ErrorKind::system, "no memory for {}", what);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() { yaml_parser_delete(&parser_); }

  std::vector<nlohmann::json> documents() {
    std::vector<nlohmann::json> all;
    while (true) {
      yaml_document_t document;
      if (yaml_parser_load(&parser_, &document) == 0) fail();
      std::unique_ptr<yaml_document_t, void (*)(yaml_document_t*)> keep(&document, yaml_document_delete);
      const yaml_node_t* root = yaml_document_get_root_node(&document);
      if (root == nullptr) return all;  // the end of the stream
      all.push_back(value_of(document, *root, 0));
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw_error(ErrorKind::input, "{}: line {}: {}", what_, parser_.problem_mark.line + 1,
                parser_.problem != nullptr ? parser_.problem : "this is no YAML");
  }
  [[noreturn]] void fail_at(const yaml_node_t& node, std::string_view problem) const {
    throw_error(ErrorKind::input, "{}: line {}: {}", what_, node.start_mark.line + 1, problem);
  }

  static std::string text_of(const yaml_node_t& scalar) {
    return {reinterpret_cast<const char*>(scalar.data.scalar.value), scalar.data.scalar.length};
  }

  nlohmann::json value_of(yaml_document_t& document, const yaml_node_t& node, int depth) {
    if (depth == kMaxDepth) fail_at(node, "nested too deep");
    if (++values_ > kMaxJsonValues) fail_at(node, "too many values");
    switch (node.type) {
      case YAML_SCALAR_NODE:
        return text_of(node);
      case YAML_SEQUENCE_NODE: {
        nlohmann::json list = nlohmann::json::array();
        for (const auto* item = node.data.sequence.items.start; item < node.data.sequence.items.top; ++item)
          list.push_back(value_of(document, *yaml_document_get_node(&document, *item), depth + 1));
        return list;
      }
      case YAML_MAPPING_NODE:
        return mapping_of(document, node, depth);
      case YAML_NO_NODE:
        break;
    }
    return nullptr;
  }

  nlohmann::json mapping_of(yaml_document_t& document, const yaml_node_t& node, int depth) {
    nlohmann::json map = nlohmann::json::object();
    nlohmann::json merged = nlohmann::json::array();
    for (const auto* pair = node.data.mapping.pairs.start; pair < node.data.mapping.pairs.top; ++pair) {
      const yaml_node_t& key = *yaml_document_get_node(&document, pair->key);
      if (key.type != YAML_SCALAR_NODE) fail_at(key, "a key that is no text");
      std::string name = text_of(key);
      nlohmann::json value = value_of(document, *yaml_document_get_node(&document, pair->value), depth + 1);
      if (name == kMergeKey)
        merged.push_back(std::move(value));
      else if (!map.emplace(name, std::move(value)).second)
        fail_at(key, fmt::format("the key {:?} is there twice", printable(name, 128)));
    }
    merge(map, merged, node, depth);
    return map;
  }

  /// What a merge key holds, a mapping or a list of them, gives what the mapping itself does not say; the first wins.
  void merge(nlohmann::json& map, const nlohmann::json& sources, const yaml_node_t& node, int depth) const {
    if (depth == kMaxDepth) fail_at(node, "nested too deep");
    for (const nlohmann::json& source : sources) {
      if (source.is_array())
        merge(map, source, node, depth + 1);
      else if (source.is_object())
        map.insert(source.begin(), source.end());  // keeps what is there
      else
        fail_at(node, "\"<<\" needs a mapping");
    }
  }

  yaml_parser_t parser_;
  std::string what_;
  std::size_t values_ = 0;
};

}  // namespace

std::vector<nlohmann::json> parse_yaml(std::string_view text, std::string_view what) {
  return Parser(text, what).documents();
}

}  // namespace imgb
