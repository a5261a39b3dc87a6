#include <nlohmann/json.hpp>

#include "cli/run_request.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

using Json = nlohmann::json;

/// All strings of a document, through `change`.
void change_strings(Json& json, std::string (*change)(std::string_view)) {
  if (json.is_string())
    json = change(json.get_ref<const std::string&>());
  else if (json.is_structured())
    for (Json& part : json) change_strings(part, change);
}

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
template <class T>
std::optional<T> optional_from(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}

Json volumes_json(const std::vector<VolumeRequest>& volumes) {
  Json list = Json::array();
  for (const VolumeRequest& v : volumes)
    list.push_back({{"kind", static_cast<int>(v.kind)},
                    {"source", v.source},
                    {"target", v.target},
                    {"read_only", v.read_only},
                    {"make_source", v.make_source},
                    {"size", optional_json(v.size_bytes)},
                    {"mode", v.mode},
                    {"executable", v.executable},
                    {"uid", v.uid},
                    {"gid", v.gid},
                    {"copy", v.copy}});
  return list;
}

std::vector<VolumeRequest> volumes_from(const Json& list) {
  std::vector<VolumeRequest> volumes;
  for (const Json& v : list)
    volumes.push_back({static_cast<VolumeRequest::Kind>(v.at("kind").get<int>()), v.at("source"), v.at("target"),
                       v.at("read_only"), v.at("make_source"), optional_from<std::uint64_t>(v.at("size")), v.at("mode"),
                       v.at("executable"), v.at("uid"), v.at("gid"), v.at("copy")});
  return volumes;
}

Json limits_json(const Limits& limits) {
  Json ulimits = Json::array();
  for (const auto& limit : limits.ulimits) ulimits.push_back({limit.name, limit.soft, limit.hard});
  return {{"memory", optional_json(limits.memory_bytes)},
          {"shm", optional_json(limits.shm_bytes)},
          {"cpus", optional_json(limits.cpus)},
          {"pids", optional_json(limits.pids)},
          {"ulimits", ulimits}};
}

Limits limits_from(const Json& json) {
  Limits limits{optional_from<std::uint64_t>(json.at("memory")),
                optional_from<std::uint64_t>(json.at("shm")),
                optional_from<double>(json.at("cpus")),
                optional_from<std::uint64_t>(json.at("pids")),
                {}};
  for (const Json& limit : json.at("ulimits")) limits.ulimits.push_back({limit.at(0), limit.at(1), limit.at(2)});
  return limits;
}

Json manifest_json(const std::optional<Descriptor>& image) {
  if (!image) return nullptr;
  return {{"type", image->media_type}, {"digest", image->digest.str()}, {"size", image->size_bytes}};
}

std::optional<Descriptor> manifest_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return Descriptor{.media_type = json.at("type"),
                    .digest = Digest::parse(json.at("digest").get<std::string>()),
                    .size_bytes = json.at("size")};
}

Json ports_json(const std::vector<PortForward>& ports) {
  Json list = Json::array();
  for (const PortForward& p : ports) list.push_back({p.host_address, p.host_port, p.container_port, p.udp});
  return list;
}

}  // namespace

std::string render(const RunRequest& r) {
  Json json{{"manifest", manifest_json(r.image)},
            {"argv", r.argv},
            {"env", r.env},
            {"cwd", r.cwd},
            {"user", r.user},
            {"hostname", r.hostname},
            {"volumes", volumes_json(r.volumes)},
            {"security", static_cast<int>(r.security)},
            {"isolation", static_cast<int>(r.isolation)},
            {"read_only", r.read_only},
            {"tty", r.tty},
            {"interactive", r.interactive},
            {"no_new_privileges", r.no_new_privileges},
            {"cap_add", r.add_capabilities},
            {"cap_drop", r.drop_capabilities},
            {"network", static_cast<int>(r.network)},
            {"ports", ports_json(r.ports)},
            {"hosts", r.extra_hosts},
            {"dns", r.dns},
            {"limits", limits_json(r.limits)}};
  change_strings(json, text_of_bytes);
  return json.dump();
}

namespace {

RunRequest request_of(const Json& json) {
  RunRequest r;
  r.image = manifest_from(json.at("manifest"));
  r.argv = json.at("argv");
  r.env = json.at("env");
  r.cwd = json.at("cwd");
  r.user = json.at("user");
  r.hostname = json.at("hostname");
  r.volumes = volumes_from(json.at("volumes"));
  r.security = static_cast<Security>(json.at("security").get<int>());
  r.isolation = static_cast<Isolation>(json.value("isolation", 0));
  r.read_only = json.at("read_only");
  r.tty = json.at("tty");
  r.interactive = json.at("interactive");
  r.no_new_privileges = json.at("no_new_privileges");
  r.add_capabilities = json.at("cap_add");
  r.drop_capabilities = json.at("cap_drop");
  r.network = static_cast<NetworkMode>(json.at("network").get<int>());
  for (const Json& p : json.at("ports")) r.ports.push_back({p.at(0), p.at(1), p.at(2), p.at(3)});
  r.extra_hosts = json.at("hosts").get<std::vector<std::pair<std::string, std::string>>>();
  r.dns = json.at("dns");
  r.limits = limits_from(json.at("limits"));
  return r;
}

}  // namespace

// Written by ourselves, into a folder that nobody else may write; but perhaps by another version.
RunRequest parse_run_request(std::string_view text) {
  Json json = parse_json(text, 4 << 20, "a container's request");
  change_strings(json, bytes_of_text);
  try {
    return request_of(json);
  } catch (const Json::exception& e) {
    throw Error(ErrorKind::corrupt, fmt::format("a container's request: {}", printable(e.what(), 200)))
        .set_hint("another version of imgb made this container: remove it with imgb rm");
  }
}

}  // namespace imgb
