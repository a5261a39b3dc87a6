#include "builder/output_spec.h"

#include <array>

#include "builder/csv.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::vector<std::string> fields_of(std::string_view text) {
  try {
    return split_csv(text);
  } catch (const Error& error) {
    throw_error(ErrorKind::usage, "--output {}: {}", go_quote(text), error.message());
  }
}

constexpr int kMaxGzipLevel = 9;

bool parse_bool(std::string_view key, std::string_view value) {
  std::string word = lower_ascii(value);
  if (word == "true" || word == "t" || word == "1" || word.empty()) return true;
  if (word == "false" || word == "f" || word == "0") return false;
  throw_error(ErrorKind::usage, "--output: {} is true or false, not {}", key, go_quote(value));
}

void set_type(OutputSpec& spec, std::string_view value) {
  using Type = OutputSpec::Type;
  constexpr std::array<std::pair<std::string_view, Type>, 6> kTypes{{{"image", Type::image},
                                                                     {"registry", Type::image},
                                                                     {"oci", Type::oci},
                                                                     {"docker", Type::docker},
                                                                     {"tar", Type::tar},
                                                                     {"local", Type::local}}};
  std::vector<std::string> names;
  for (const auto& [name, type] : kTypes) {
    if (value == name) {
      spec.type = type;
      if (value == "registry") {
        spec.push = true;
        spec.store = false;
      }
      return;
    }
    names.emplace_back(name);
  }
  auto nearest = find_nearest(value, names);
  throw_error(ErrorKind::usage, "--output: unknown type {}{}", go_quote(value),
              nearest ? fmt::format(" (did you mean {}?)", *nearest) : "");
}

Compression parse_compression(std::string_view value) {
  if (value == "gzip") return Compression::gzip;
  if (value == "zstd") return Compression::zstd;
  if (value == "uncompressed") return Compression::none;
  throw_error(ErrorKind::usage, "--output: compression is gzip, zstd or uncompressed, not {}", go_quote(value));
}

void set(OutputSpec& spec, std::string_view key, const std::string& value) {
  if (key == "type") {
    set_type(spec, value);
  } else if (key == "dest") {
    spec.dest = value;
  } else if (key == "tar") {
    spec.archive = parse_bool(key, value);
  } else if (key == "name") {
    for (std::string_view name : split(value, ',')) spec.names.push_back(Reference::parse(name).with_default_tag());
  } else if (key == "compression") {
    spec.compression = parse_compression(value);
  } else if (key == "compression-level") {
    auto level = find_integer(value);
    if (!level || *level < 0 || *level > 22) {
      throw_error(ErrorKind::usage, "--output: compression-level {} is not a number from 0 to 22", go_quote(value));
    }
    spec.level = static_cast<int>(*level);
  } else if (key == "force-compression") {
    spec.force_compression = parse_bool(key, value);
  } else if (key == "oci-mediatypes") {
    spec.oci_media_types = parse_bool(key, value);
  } else if (key == "platform-split") {
    spec.platform_split = parse_bool(key, value);
  } else if (key == "rewrite-timestamp") {
    spec.rewrite_timestamp = parse_bool(key, value);
  } else if (key == "push") {
    spec.push = parse_bool(key, value);
  } else if (key == "push-by-digest") {
    spec.push_by_digest = parse_bool(key, value);
  } else if (key == "store") {
    spec.store = parse_bool(key, value);
  } else if (key.starts_with("annotation.")) {
    spec.annotations[std::string(key.substr(11))] = value;
  } else {
    const std::vector<std::string> known{"type",
                                         "dest",
                                         "tar",
                                         "name",
                                         "compression",
                                         "compression-level",
                                         "force-compression",
                                         "oci-mediatypes",
                                         "platform-split",
                                         "rewrite-timestamp",
                                         "push",
                                         "push-by-digest",
                                         "store"};
    auto nearest = find_nearest(key, known);
    throw_error(ErrorKind::usage, "--output: unknown option {}{}", go_quote(key),
                nearest ? fmt::format(" (did you mean {}?)", *nearest) : "");
  }
}

void complete(OutputSpec& spec) {
  bool is_archive = spec.archive && spec.type != OutputSpec::Type::image && spec.type != OutputSpec::Type::local;
  if (spec.dest.empty() && is_archive) spec.dest = "-";
  if (spec.dest.empty() && spec.type != OutputSpec::Type::image) {
    throw_error(ErrorKind::usage, "--output: dest is missing");
  }
  if (spec.type == OutputSpec::Type::local && spec.to_stdout()) {
    throw_error(ErrorKind::usage, "--output: a folder cannot go to stdout");
  }
  if (!spec.archive && spec.to_stdout()) throw_error(ErrorKind::usage, "--output: tar=false cannot go to stdout");
  if (spec.level && !spec.compression) spec.compression = Compression::gzip;
  if (spec.compression == Compression::gzip && spec.level > kMaxGzipLevel) {
    throw_error(ErrorKind::usage, "--output: gzip has levels from 0 to {}, not {}", kMaxGzipLevel, *spec.level);
  }
  if (spec.platform_split && spec.type != OutputSpec::Type::local && spec.type != OutputSpec::Type::tar) {
    throw_error(ErrorKind::usage, "--output: platform-split is for local and tar");
  }
  bool pushes = spec.push || spec.push_by_digest || !spec.store;
  if (pushes && spec.type != OutputSpec::Type::image) {
    throw_error(ErrorKind::usage, "--output: push, push-by-digest and store are for image and registry");
  }
  if (!spec.push && !spec.store) throw_error(ErrorKind::usage, "--output: store=false, and nothing is pushed");
  if (spec.push_by_digest && !spec.push) throw_error(ErrorKind::usage, "--output: push-by-digest without push=true");
  if (spec.compression == Compression::zstd && !spec.oci_media_types) {
    throw_error(ErrorKind::usage, "--output: compression=zstd needs OCI media types");
  }
}

}  // namespace

OutputSpec parse_output(std::string_view text) {
  OutputSpec spec;
  auto fields = fields_of(text);
  if (fields.size() == 1 && fields[0].find('=') == std::string::npos) {
    spec.type = fields[0] == "-" ? OutputSpec::Type::tar : OutputSpec::Type::local;
    spec.dest = fields[0];
    return spec;
  }
  bool has_type = false;
  for (const std::string& field : fields) {
    std::size_t equals = field.find('=');
    if (equals == std::string::npos) throw_error(ErrorKind::usage, "--output: {} is not key=value", go_quote(field));
    std::string key = lower_ascii(trim(std::string_view(field).substr(0, equals)));
    has_type = has_type || key == "type";
    set(spec, key, field.substr(equals + 1));
  }
  if (!has_type) throw_error(ErrorKind::usage, "--output: type is missing");
  complete(spec);
  return spec;
}

}  // namespace imgb
