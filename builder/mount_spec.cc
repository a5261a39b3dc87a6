#include "builder/mount_spec.h"

#include <algorithm>
#include <array>

#include "builder/csv.h"
#include "core/base/error.h"
#include "core/base/rooted_path.h"
#include "core/base/text.h"

namespace imgb {
namespace {

/// All options of all types, as they are read; `finish` turns them into the one type asked for.
struct Options {
  std::string type = "bind";
  std::string from, source, target, id, env, sharing;
  std::optional<bool> read_only;
  std::optional<bool> required;
  std::optional<std::uint64_t> size_bytes;
  std::optional<std::uint32_t> mode, uid, gid;
};

std::string suggestion(std::string_view word, std::span<const std::string> candidates) {
  auto nearest = find_nearest(word, candidates);
  return nearest ? fmt::format(" (did you mean {}?)", *nearest) : "";
}

[[noreturn]] void unexpected_key(std::string_view key, std::string_view type) {
  throw_error(ErrorKind::input, "unexpected key '{}' for mount type '{}'", key, type);
}

/// Go's strconv.ParseBool.
bool parse_bool(std::string_view key, std::string_view value) {
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (value == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (value == no) return false;
  }
  throw_error(ErrorKind::input, "invalid value for {}: {}", key, printable(value));
}

std::uint32_t parse_id(std::string_view key, std::string_view value) {
  auto number = find_unsigned(value);
  if (!number || *number > UINT32_MAX) {
    throw_error(ErrorKind::input, "invalid value {} for {}", printable(value), key);
  }
  return static_cast<std::uint32_t>(*number);
}

std::uint32_t parse_mode(std::string_view value) {
  auto mode = find_octal(value);
  if (!mode || *mode > 07777) throw_error(ErrorKind::input, "invalid value {} for mode", printable(value));
  return static_cast<std::uint32_t>(*mode);
}

std::string parse_type(std::string_view value) {
  static const std::array<std::string, 5> kTypes{"bind", "cache", "tmpfs", "secret", "ssh"};
  std::string type = lower_ascii(value);
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    throw_error(ErrorKind::input, "unsupported mount type {}{}", go_quote(value), suggestion(value, kTypes));
  }
  return type;
}

std::string parse_sharing(std::string_view value) {
  static const std::array<std::string, 3> kModes{"shared", "private", "locked"};
  std::string sharing = lower_ascii(value);
  if (std::find(kModes.begin(), kModes.end(), sharing) == kModes.end()) {
    throw_error(ErrorKind::input, "unsupported sharing value {}{}", go_quote(value), suggestion(value, kModes));
  }
  return sharing;
}

bool takes_required(const Options& options) { return options.type == "secret" || options.type == "ssh"; }

[[noreturn]] void unknown_key(std::string_view key, std::string_view field) {
  static const std::array<std::string, 19> kKeys{
      "type", "from", "source", "target", "readonly",    "id", "sharing", "required",  "size", "mode",
      "uid",  "gid",  "src",    "dst",    "destination", "ro", "rw",      "readwrite", "env"};
  throw_error(ErrorKind::input, "unexpected key '{}' in '{}'{}", printable(key), printable(field),
              suggestion(key, kKeys));
}

void read_bare(Options& into, const MountSpec::Field& field) {
  const std::string& key = field.key;
  if (key == "readonly" || key == "ro") {
    into.read_only = true;
  } else if (key == "readwrite" || key == "rw") {
    into.read_only = false;
  } else if (key == "required") {
    if (!takes_required(into)) unexpected_key(key, into.type);
    into.required = true;
  } else {
    throw_error(ErrorKind::input, "invalid field '{}' must be a key=value pair", printable(field.text));
  }
}

/// Keys whose value is kept as it is.
std::string* plain_member(Options& options, std::string_view key) {
  if (key == "source" || key == "src") return &options.source;
  if (key == "target" || key == "dst" || key == "destination") return &options.target;
  if (key == "from") return &options.from;
  if (key == "id") return &options.id;
  if (key == "env") return &options.env;
  return nullptr;
}

void read_pair(Options& into, const MountSpec::Field& field, std::string value) {
  const std::string& key = field.key;
  if (std::string* member = plain_member(into, key)) {
    *member = std::move(value);
  } else if (key == "type") {
    into.type = parse_type(value);
  } else if (key == "readonly" || key == "ro") {
    into.read_only = parse_bool(key, value);
  } else if (key == "readwrite" || key == "rw") {
    into.read_only = !parse_bool(key, value);
  } else if (key == "required") {
    if (!takes_required(into)) unexpected_key(key, into.type);
    into.required = parse_bool(key, value);
  } else if (key == "size") {
    if (into.type != "tmpfs") unexpected_key(key, into.type);
    into.size_bytes = find_size_bytes(value);
    if (!into.size_bytes) throw_error(ErrorKind::input, "invalid value for size: {}", printable(value));
  } else if (key == "sharing") {
    into.sharing = parse_sharing(value);
  } else if (key == "mode") {
    into.mode = parse_mode(value);
  } else if (key == "uid") {
    into.uid = parse_id(key, value);
  } else if (key == "gid") {
    into.gid = parse_id(key, value);
  } else {
    unknown_key(key, field.text);
  }
}

void check_ownership_allowed(const Options& options) {
  if (options.type == "secret" || options.type == "ssh" || options.type == "cache") return;
  auto refuse = [&](std::string_view what) {
    throw_error(ErrorKind::input, "{} not allowed for {} type mounts", what, go_quote(options.type));
  };
  if (options.mode) refuse("mode");
  if (options.uid) refuse("uid");
  if (options.gid) refuse("gid");
}

void check_secret(const Options& options) {
  if (!options.from.empty()) throw_error(ErrorKind::input, "secret mount should not have a from");
  if (!options.sharing.empty()) throw_error(ErrorKind::input, "secret mount should not define sharing");
  if (options.source.empty() && options.target.empty() && options.id.empty()) {
    throw_error(ErrorKind::input, "invalid secret mount. one of source, target required");
  }
  if (!options.source.empty() && !options.id.empty()) {
    throw_error(ErrorKind::input, "both source and id can't be set");
  }
}

void check(const Options& options) {
  check_ownership_allowed(options);
  if (options.type == "secret") check_secret(options);
  if (!options.sharing.empty() && options.type != "cache") {
    throw_error(ErrorKind::input, "invalid cache sharing set for {} mount", options.type);
  }
  if (options.type == "secret" || options.type == "ssh") return;
  if (RootedPath::clean(options.target).is_root()) throw_error(ErrorKind::input, "invalid mount target \"/\"");
}

CacheSharing sharing_of(std::string_view name) {
  if (name == "private") return CacheSharing::private_;
  return name == "locked" ? CacheSharing::locked : CacheSharing::shared;
}

run_mount::Secret make_secret(Options& options) {
  run_mount::Secret made;
  made.id = !options.id.empty() ? options.id : options.source;
  if (made.id.empty()) made.id = RootedPath::clean(options.target).name();
  made.env = std::move(options.env);
  if (!options.target.empty()) {
    made.target = std::move(options.target);
  } else if (made.env.empty()) {
    made.target = "/run/secrets/" + std::string(RootedPath::clean(made.id).name());
  }
  made.required = options.required.value_or(false);
  made.mode = options.mode.value_or(made.mode);
  made.uid = options.uid.value_or(0);
  made.gid = options.gid.value_or(0);
  return made;
}

run_mount::Ssh make_ssh(Options& options) {
  run_mount::Ssh made;
  made.id = options.id.empty() ? options.source : options.id;
  if (made.id.empty()) made.id = "default";
  made.target = std::move(options.target);
  made.required = options.required.value_or(false);
  made.mode = options.mode.value_or(made.mode);
  made.uid = options.uid.value_or(0);
  made.gid = options.gid.value_or(0);
  return made;
}

RunMount finish(Options options) {
  if (options.type == "secret") return make_secret(options);
  if (options.type == "ssh") return make_ssh(options);
  if (options.type == "tmpfs") return run_mount::Tmpfs{std::move(options.target), options.size_bytes.value_or(0)};
  if (options.type == "bind") {
    return run_mount::Bind{std::move(options.target), std::move(options.source), std::move(options.from),
                           !options.read_only.value_or(true)};
  }
  run_mount::Cache made{std::move(options.id), std::move(options.target), std::move(options.source),
                        std::move(options.from)};
  made.sharing = sharing_of(options.sharing);
  made.mode = options.mode;
  made.uid = options.uid;
  made.gid = options.gid;
  made.read_only = options.read_only.value_or(false);
  return made;
}

bool has_variable(std::string_view text) {
  std::size_t dollar = text.find('$');
  return dollar != std::string_view::npos && dollar + 1 < text.size();
}

}  // namespace

MountSpec parse_mount_spec(std::string_view text) {
  MountSpec spec;
  std::vector<std::string> fields;
  try {
    fields = split_csv(text);
  } catch (const Error& e) {
    throw_error(ErrorKind::input, "failed to parse csv mounts: {}", e.message());
  }
  for (const std::string& field : fields) {
    std::size_t equals = field.find('=');
    MountSpec::Field made{lower_ascii(field.substr(0, equals)), std::nullopt, field};
    if (equals != std::string::npos) made.value = Word{field.substr(equals + 1)};
    if (made.key == "from" && made.value) {
      if (has_variable(made.value->raw)) {
        throw_error(ErrorKind::input, "'from' doesn't support variable expansion, define alias stage instead");
      }
      spec.from = made.value->raw;
    }
    spec.fields.push_back(std::move(made));
  }
  return spec;
}

RunMount resolve_mount(const MountSpec& spec, const std::function<std::string(const Word&)>& expand) {
  Options options;
  for (const MountSpec::Field& field : spec.fields) {
    if (!field.value) {
      read_bare(options, field);
    } else {
      read_pair(options, field, field.key == "from" ? field.value->raw : expand(*field.value));
    }
  }
  check(options);
  return finish(std::move(options));
}

}  // namespace imgb
