#include "core/oci/image_config.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"
#include "core/oci/json_reader.h"
#include "core/oci/manifest.h"

namespace imgb {
namespace {

using json_reader::json;
using ordered = nlohmann::ordered_json;

std::set<std::string> keys_of(const json& object, const char* key) {
  const json* value = json_reader::find(object, key);
  if (!value) return {};
  json_reader::want_object(*value, key);
  std::set<std::string> keys;
  for (const auto& item : value->items()) keys.insert(item.key());
  return keys;
}

std::optional<Nanoseconds> time_of(const json& object, const char* key) {
  std::string text = json_reader::text_or(object, key);
  if (text.empty()) return std::nullopt;
  if (text.starts_with("0001-01-01T")) return std::nullopt;  // Go's zero time: not set
  auto time = find_rfc3339(text);
  if (!time) throw_error(ErrorKind::corrupt, "{}: bad time {}", key, printable(text, 60));
  return time;
}

Healthcheck parse_healthcheck(const json& value) {
  json_reader::want_object(value, "Healthcheck");
  return {.test = json_reader::texts(value, "Test").value_or(std::vector<std::string>()),
          .interval = json_reader::integer_or(value, "Interval", 0),
          .timeout = json_reader::integer_or(value, "Timeout", 0),
          .start_period = json_reader::integer_or(value, "StartPeriod", 0),
          .start_interval = json_reader::integer_or(value, "StartInterval", 0),
          .retries = json_reader::integer_or(value, "Retries", 0)};
}

RuntimeConfig parse_runtime(const json& c) {
  json_reader::want_object(c, "config");
  RuntimeConfig r{.user = json_reader::text_or(c, "User"),
                  .working_dir = json_reader::text_or(c, "WorkingDir"),
                  .stop_signal = json_reader::text_or(c, "StopSignal"),
                  .exposed_ports = keys_of(c, "ExposedPorts"),
                  .volumes = keys_of(c, "Volumes"),
                  .env = json_reader::texts(c, "Env").value_or(std::vector<std::string>()),
                  .entrypoint = json_reader::texts(c, "Entrypoint"),
                  .cmd = json_reader::texts(c, "Cmd"),
                  .shell = json_reader::texts(c, "Shell"),
                  .labels = json_reader::text_map(c, "Labels"),
                  .on_build = json_reader::texts(c, "OnBuild").value_or(std::vector<std::string>()),
                  .args_escaped = json_reader::flag_or(c, "ArgsEscaped", false)};
  if (const json* check = json_reader::find(c, "Healthcheck")) r.healthcheck = parse_healthcheck(*check);
  return r;
}

std::vector<History> parse_history(const json& document) {
  const json* list = json_reader::find(document, "history");
  if (!list) return {};
  if (!list->is_array()) throw_error(ErrorKind::corrupt, "history is not an array");
  std::vector<History> all;
  for (const json& item : *list) {
    json_reader::want_object(item, "history");
    all.push_back({.created = time_of(item, "created"),
                   .created_by = json_reader::text_or(item, "created_by"),
                   .author = json_reader::text_or(item, "author"),
                   .comment = json_reader::text_or(item, "comment"),
                   .empty_layer = json_reader::flag_or(item, "empty_layer", false)});
  }
  return all;
}

void put(ordered& out, const char* key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}
void put(ordered& out, const char* key, const std::set<std::string>& keys) {
  for (const std::string& name : keys) out[key][name] = ordered::object();
}
void put(ordered& out, const char* key, std::int64_t value) {
  if (value) out[key] = value;
}

ordered render_healthcheck(const Healthcheck& check) {
  ordered out = ordered::object();
  if (!check.test.empty()) out["Test"] = check.test;
  put(out, "Interval", check.interval);
  put(out, "Timeout", check.timeout);
  put(out, "StartPeriod", check.start_period);
  put(out, "StartInterval", check.start_interval);
  put(out, "Retries", check.retries);
  return out;
}

ordered render_runtime(const RuntimeConfig& r) {
  ordered out = ordered::object();
  put(out, "User", r.user);
  put(out, "ExposedPorts", r.exposed_ports);
  if (!r.env.empty()) out["Env"] = r.env;
  if (r.entrypoint) out["Entrypoint"] = *r.entrypoint;
  if (r.cmd) out["Cmd"] = *r.cmd;
  if (r.healthcheck) out["Healthcheck"] = render_healthcheck(*r.healthcheck);
  if (r.args_escaped) out["ArgsEscaped"] = true;
  put(out, "Volumes", r.volumes);
  put(out, "WorkingDir", r.working_dir);
  if (!r.on_build.empty()) out["OnBuild"] = r.on_build;
  if (!r.labels.empty()) out["Labels"] = r.labels;
  put(out, "StopSignal", r.stop_signal);
  if (r.shell) out["Shell"] = *r.shell;
  return out;
}

ordered render_history(const std::vector<History>& history) {
  ordered out = ordered::array();
  for (const History& item : history) {
    ordered entry = ordered::object();
    if (item.created) entry["created"] = render_rfc3339(*item.created);
    put(entry, "created_by", item.created_by);
    put(entry, "author", item.author);
    put(entry, "comment", item.comment);
    if (item.empty_layer) entry["empty_layer"] = true;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace

ImageConfig parse_image_config(std::string_view text) {
  json document = parse_json(text, kMaxManifestBytes, "image config");
  json_reader::want_object(document, "image config");
  ImageConfig config{
      .platform = {json_reader::text_or(document, "os"), json_reader::text_or(document, "architecture"),
                   json_reader::text_or(document, "variant"), json_reader::text_or(document, "os.version")},
      .created = time_of(document, "created"),
      .author = json_reader::text_or(document, "author"),
      .history = parse_history(document)};
  if (const json* runtime = json_reader::find(document, "config")) config.config = parse_runtime(*runtime);
  const json& rootfs = json_reader::get(document, "rootfs");
  json_reader::want_object(rootfs, "rootfs");
  if (const json* layers = json_reader::find(rootfs, "diff_ids")) {
    if (!layers->is_array()) throw_error(ErrorKind::corrupt, "diff_ids is not an array");
    for (const json& id : *layers) config.diff_ids.push_back({json_reader::digest(id, "diff_ids")});
  }
  return config;
}

std::string render(const ImageConfig& config) {
  ordered out;
  out["architecture"] = config.platform.architecture;
  put(out, "author", config.author);
  out["config"] = render_runtime(config.config);
  if (config.created) out["created"] = render_rfc3339(*config.created);
  if (!config.history.empty()) out["history"] = render_history(config.history);
  out["os"] = config.platform.os;
  put(out, "os.version", config.platform.os_version);
  ordered ids = ordered::array();
  for (const DiffId& id : config.diff_ids) ids.push_back(id.digest.str());
  out["rootfs"]["type"] = "layers";
  out["rootfs"]["diff_ids"] = std::move(ids);
  put(out, "variant", config.platform.variant);
  return out.dump(-1, ' ', false, ordered::error_handler_t::replace);
}

}  // namespace imgb
