#include "builder/cache_spec.h"

#include <functional>
#include <map>

#include "builder/csv.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr int kMaxLevel = 22, kMaxGzipLevel = 9;

/// Reads the fields of one flag; who understands a key is in a table.
class SpecReader {
 public:
  using Set = std::function<void(const std::string& value)>;
  SpecReader(std::string_view flag, std::string_view text) : flag_(flag), text_(text) {}

  void add(std::string key, Set set) { keys_.emplace(std::move(key), std::move(set)); }
  /// A field without a key goes on with the list before it, when that key has one: "mounts=a,b".
  void add_list(std::string key, std::vector<std::string>& into) {
    lists_.emplace(key, &into);
    add(key, [&into](const std::string& value) { into.push_back(value); });
  }

  void read() const {
    std::vector<std::string>* list = nullptr;
    for (const std::string& field : fields()) {
      std::size_t equals = field.find('=');
      if (equals == std::string::npos && list) {
        list->push_back(field);
        continue;
      }
      if (equals == std::string::npos) fail(fmt::format("{} is not key=value", go_quote(field)));
      std::string key = lower_ascii(trim(std::string_view(field).substr(0, equals)));
      auto set = keys_.find(key);
      if (set == keys_.end()) refuse(key);
      set->second(field.substr(equals + 1));
      auto at = lists_.find(key);
      list = at == lists_.end() ? nullptr : at->second;
    }
  }
  std::vector<std::string> fields() const {
    try {
      return split_csv(text_);
    } catch (const Error& error) {
      fail(error.message());
    }
  }
  bool parse_flag(std::string_view key, const std::string& value) const {
    std::string word = lower_ascii(value);
    if (word == "true" || word == "1") return true;
    if (word == "false" || word == "0") return false;
    fail(fmt::format("{} is true or false, not {}", key, go_quote(value)));
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw_error(ErrorKind::usage, "{} {}: {}", flag_, printable(text_, 200), why);
  }

 private:
  [[noreturn]] void refuse(const std::string& key) const {
    std::vector<std::string> known;
    for (const auto& [name, set] : keys_) known.push_back(name);
    auto nearest = find_nearest(key, known);
    fail(
        fmt::format("unknown option {}{}", go_quote(key), nearest ? fmt::format(" (did you mean {}?)", *nearest) : ""));
  }

  std::string_view flag_, text_;
  std::map<std::string, Set> keys_;
  std::map<std::string, std::vector<std::string>*> lists_;
};

/// What both flags have. `folder_key`: src or dest.
void add_common(SpecReader& reader, CacheSpec& spec, const std::string& folder_key, bool may_be_inline) {
  reader.add("type", [&, may_be_inline](const std::string& value) {
    if (value == "registry")
      spec.type = CacheSpec::Type::registry;
    else if (value == "local")
      spec.type = CacheSpec::Type::local;
    else if (value == "inline" && may_be_inline)
      spec.type = CacheSpec::Type::in_image;
    else
      reader.fail(
          fmt::format("type is registry or local{}, not {}", may_be_inline ? " or inline" : "", go_quote(value)));
  });
  reader.add("ref", [&](const std::string& value) { spec.ref = Reference::parse(value).with_default_tag(); });
  reader.add(folder_key, [&](const std::string& value) { spec.folder = value; });
  reader.add("tag", [&](const std::string& value) { spec.tag = value; });
}

void check(const SpecReader& reader, const CacheSpec& spec, const std::string& folder_key) {
  if (spec.type == CacheSpec::Type::registry && !spec.ref) reader.fail("ref is missing");
  if (spec.type == CacheSpec::Type::local && spec.folder.empty()) reader.fail(folder_key + " is missing");
  if (spec.type != CacheSpec::Type::registry && spec.ref) reader.fail("ref is for type=registry");
  if (spec.type != CacheSpec::Type::local && !spec.folder.empty()) reader.fail(folder_key + " is for type=local");
  if (!Reference::find("x:" + spec.tag)) reader.fail(fmt::format("{} is no tag", go_quote(spec.tag)));
}

/// Words of BuildKit for what is always so here.
void add_always_true(SpecReader& reader, const std::string& key) {
  reader.add(key, [&reader, key](const std::string& value) {
    if (!reader.parse_flag(key, value)) reader.fail(fmt::format("{} is always true", key));
  });
}

void add_compression(SpecReader& reader, CacheToSpec& spec) {
  reader.add("compression", [&](const std::string& value) {
    if (value == "gzip")
      spec.compression = Compression::gzip;
    else if (value == "zstd")
      spec.compression = Compression::zstd;
    else if (value == "uncompressed")
      spec.compression = Compression::none;
    else
      reader.fail(fmt::format("compression is gzip, zstd or uncompressed, not {}", go_quote(value)));
  });
  reader.add("compression-level", [&](const std::string& value) {
    auto level = find_integer(value);
    if (!level || *level < 0 || *level > kMaxLevel)
      reader.fail(fmt::format("compression-level is 0 to {}, not {}", kMaxLevel, go_quote(value)));
    spec.level = static_cast<int>(*level);
  });
  reader.add("force-compression", [&](const std::string& value) {
    if (reader.parse_flag("force-compression", value))
      reader.fail("layers stay as they were made, since their digests are part of the keys of what follows");
  });
}

}  // namespace

CacheSpec parse_cache_from(std::string_view text) {
  CacheSpec spec;
  SpecReader reader("--cache-from", text);
  auto fields = reader.fields();
  if (fields.size() == 1 && fields[0].find('=') == std::string::npos) {
    spec.ref = Reference::parse(fields[0]).with_default_tag();
    return spec;
  }
  add_common(reader, spec, "src", false);
  reader.add("digest", [&](const std::string& value) {
    spec.digest = Digest::find(value);
    if (!spec.digest) reader.fail(fmt::format("{} is no digest", go_quote(value)));
  });
  reader.read();
  check(reader, spec, "src");
  return spec;
}

CacheToSpec parse_cache_to(std::string_view text) {
  CacheToSpec spec;
  SpecReader reader("--cache-to", text);
  auto fields = reader.fields();
  if (fields.size() == 1 && fields[0].find('=') == std::string::npos && fields[0] != "inline") {
    spec.ref = Reference::parse(fields[0]).with_default_tag();
    return spec;
  }
  if (fields.size() == 1 && fields[0] == "inline") {
    spec.type = CacheSpec::Type::in_image;
    return spec;
  }
  add_common(reader, spec, "dest", true);
  reader.add("mode", [&](const std::string& value) {
    if (value != "min" && value != "max") reader.fail(fmt::format("mode is min or max, not {}", go_quote(value)));
    spec.mode = value == "max" ? CacheMode::max : CacheMode::min;
  });
  reader.add_list("mounts", spec.mounts);
  reader.add("ignore-error",
             [&](const std::string& value) { spec.ignore_error = reader.parse_flag("ignore-error", value); });
  add_compression(reader, spec);
  add_always_true(reader, "oci-mediatypes");
  add_always_true(reader, "image-manifest");
  reader.read();
  check(reader, spec, "dest");
  if (spec.type == CacheSpec::Type::in_image && (spec.mode == CacheMode::max || !spec.mounts.empty()))
    reader.fail("what is in an image has the image's own layers alone: no mode=max and no mounts");
  if (spec.level && !spec.compression) spec.compression = Compression::gzip;
  if (spec.compression == Compression::gzip && spec.level > kMaxGzipLevel)
    reader.fail(fmt::format("gzip has levels from 0 to {}", kMaxGzipLevel));
  return spec;
}

}  // namespace imgb
