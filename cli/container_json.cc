#include "cli/container_json.h"

#include <nlohmann/json.hpp>

#include "cli/listing.h"
#include "cli/run_request.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;
using Phase = ContainerState::Phase;

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::created:
      return "created";
    case Phase::running:
      return "running";
    case Phase::exited:
      return "exited";
  }
  return "";
}

std::string status_of(const ContainerState& state, Nanoseconds now) {
  switch (state.phase) {
    case Phase::created:
      return "Created";
    case Phase::running:
      return "Up " + render_age(now - state.started);
    case Phase::exited:
      return fmt::format("Exited ({}){}", state.exit_code.value_or(0),
                         // Whoever looked after it was killed: nobody knows when.
                         state.finished ? " " + render_age(now - state.finished) + " ago" : std::string());
  }
  return "";
}

std::string ports_text(const Container& container) {
  std::vector<std::string> texts;
  if (container.state.phase == Phase::running)
    for (const PortForward& port : container.state.ports)
      texts.push_back(fmt::format("{}:{}->{}/{}", port.host_address, port.host_port, port.container_port,
                                  port.udp ? "udp" : "tcp"));
  return join(texts, ", ");
}

std::string time_text(Nanoseconds time) { return time ? render_rfc3339(time) : "0001-01-01T00:00:00Z"; }

Json ports_json(const std::vector<PortForward>& ports) {
  Json json = Json::object();
  for (const PortForward& port : ports)
    json[fmt::format("{}/{}", port.container_port, port.udp ? "udp" : "tcp")].push_back(
        {{"HostIp", port.host_address}, {"HostPort", std::to_string(port.host_port)}});
  return json;
}

}  // namespace

Json container_row(const Container& container, bool full, Nanoseconds now) {
  constexpr std::size_t kShownBytes = 20;
  std::string command = join(container.config.command, " ");
  if (!full && command.size() > kShownBytes) command = command.substr(0, kShownBytes - 1) + "…";
  return Json{{"ID", full ? container.config.id : container.config.id.substr(0, 12)},
              {"Image", container.config.image},
              {"Command", '"' + command + '"'},
              {"CreatedAt", render_rfc3339(container.config.created)},
              {"RunningFor", render_age(now - container.config.created) + " ago"},
              {"State", name_of(container.state.phase)},
              {"Status", status_of(container.state, now)},
              {"Ports", ports_text(container)},
              {"Names", container.config.name}};
}

Json inspect_json(const Container& container) {
  const ContainerState& state = container.state;
  RunRequest request = parse_run_request(container.config.request);
  Json mounts = Json::array();
  for (const VolumeRequest& volume : request.volumes)
    mounts.push_back({{"Type", volume.kind == VolumeRequest::Kind::folder  ? "bind"
                               : volume.kind == VolumeRequest::Kind::named ? "volume"
                                                                           : "tmpfs"},
                      {"Source", volume.source},
                      {"Destination", volume.target},
                      {"RW", !volume.read_only}});
  return Json{
      {"Id", container.config.id},
      {"Created", render_rfc3339(container.config.created)},
      {"Path", request.argv.empty() ? "" : request.argv[0]},
      {"Args", request.argv.empty() ? Json::array() : Json(std::vector(request.argv.begin() + 1, request.argv.end()))},
      {"State",
       {{"Status", name_of(state.phase)},
        {"Running", state.phase == Phase::running},
        {"OOMKilled", state.out_of_memory},
        {"Pid", state.phase == Phase::running ? state.init : 0},
        {"ExitCode", state.exit_code.value_or(0)},
        {"Error", state.error},
        {"StartedAt", time_text(state.started)},
        {"FinishedAt", time_text(state.finished)}}},
      {"Image", container.config.image_digest},
      {"Name", "/" + container.config.name},
      {"HostConfig", {{"AutoRemove", container.config.remove_when_done}, {"ReadonlyRootfs", request.read_only}}},
      {"Mounts", mounts},
      {"Config",
       {{"Hostname", request.hostname},
        {"User", request.user},
        {"Tty", request.tty},
        {"Env", request.env},
        {"Cmd", request.argv},
        {"Image", container.config.image},
        {"WorkingDir", request.cwd},
        {"StopSignal", container.config.stop_signal}}},
      {"NetworkSettings", {{"Ports", ports_json(state.ports)}}}};
}

}  // namespace imgb
