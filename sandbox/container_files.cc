#include "sandbox/container_files.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/oci/json.h"

namespace imgb {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFileBytes = 4 << 20;
constexpr std::size_t kMaxRecordBytes = 16 << 20;

json to_json(const std::vector<PortForward>& ports) {
  json list = json::array();
  for (const PortForward& p : ports)
    list.push_back(
        {{"address", p.host_address}, {"host", p.host_port}, {"container", p.container_port}, {"udp", p.udp}});
  return list;
}

std::vector<PortForward> ports_of(const json& list) {
  std::vector<PortForward> ports;
  for (const json& p : list) ports.push_back({p.at("address"), p.at("host"), p.at("container"), p.at("udp")});
  return ports;
}

constexpr std::array<std::string_view, 3> kPhases = {"created", "running", "exited"};

/// Runs `read`, which uses nlohmann's throwing accessors, and turns its complaints into ours.
template <class Read>
auto checked(std::string_view what, Read read) {
  try {
    return read();
  } catch (const json::exception& e) {
    throw_error(ErrorKind::corrupt, "{}: {}", what, printable(e.what(), 200));
  }
}

}  // namespace

std::string render(const ContainerConfig& c) {
  json command = json::array();
  for (const std::string& word : c.command) command.push_back(text_of_bytes(word));
  json out = {{"id", c.id},
              {"name", c.name},
              {"image", c.image},
              {"image_digest", c.image_digest},
              {"command", command},
              {"created", c.created},
              {"ports", to_json(c.ports)},
              {"remove_when_done", c.remove_when_done},
              {"stop_signal", c.stop_signal},
              {"stop_timeout_seconds", c.stop_timeout_seconds},
              {"tty", c.tty},
              {"request", text_of_bytes(c.request)}};
  return out.dump(1);
}

ContainerConfig parse_container_config(std::string_view text) {
  json in = parse_json(text, kMaxFileBytes, kContainerConfigFile);
  return checked(kContainerConfigFile, [&] {
    ContainerConfig c{.id = in.at("id"),
                      .name = in.at("name"),
                      .image = in.at("image"),
                      .image_digest = in.at("image_digest"),
                      .created = in.at("created"),
                      .ports = ports_of(in.at("ports")),
                      .remove_when_done = in.at("remove_when_done"),
                      .stop_signal = in.at("stop_signal"),
                      .stop_timeout_seconds = in.at("stop_timeout_seconds"),
                      .tty = in.at("tty"),
                      .request = bytes_of_text(in.at("request").get_ref<const std::string&>())};
    for (const json& word : in.at("command")) c.command.push_back(bytes_of_text(word.get_ref<const std::string&>()));
    return c;
  });
}

std::string render(const ContainerState& s) {
  json out = {{"phase", kPhases.at(static_cast<std::size_t>(s.phase))},
              {"supervisor", s.supervisor},
              {"init", s.init},
              {"init_began", s.init_began},
              {"main", s.main_process},
              {"main_began", s.main_began},
              {"started", s.started},
              {"finished", s.finished},
              {"exit_code", s.exit_code ? json(*s.exit_code) : json()},
              {"out_of_memory", s.out_of_memory},
              {"error", text_of_bytes(s.error)},
              {"ports", to_json(s.ports)}};
  return out.dump(1);
}

ContainerState parse_container_state(std::string_view text) {
  json in = parse_json(text, kMaxFileBytes, kContainerStateFile);
  return checked(kContainerStateFile, [&] {
    auto phase = std::find(kPhases.begin(), kPhases.end(), in.at("phase").get<std::string>());
    if (phase == kPhases.end()) throw_error(ErrorKind::corrupt, "{}: no such phase", kContainerStateFile);
    ContainerState s{.phase = static_cast<ContainerState::Phase>(phase - kPhases.begin()),
                     .supervisor = in.at("supervisor"),
                     .init = in.at("init"),
                     .main_process = in.at("main"),
                     .init_began = in.at("init_began"),
                     .main_began = in.at("main_began"),
                     .started = in.at("started"),
                     .finished = in.at("finished"),
                     .out_of_memory = in.at("out_of_memory"),
                     .error = bytes_of_text(in.at("error").get_ref<const std::string&>()),
                     .ports = ports_of(in.at("ports"))};
    if (!in.at("exit_code").is_null()) s.exit_code = in.at("exit_code").get<int>();
    return s;
  });
}

std::string invent_name(std::uint64_t random) {
  constexpr std::array<std::string_view, 32> kMoods = {
      "able",  "brave", "calm",   "clear", "deft",  "eager", "fair",  "fleet",  "fond",  "frank", "glad",
      "grand", "hardy", "jolly",  "keen",  "kind",  "light", "loyal", "lucid",  "mild",  "neat",  "nimble",
      "noble", "plain", "prompt", "quick", "quiet", "ready", "sound", "steady", "swift", "warm"};
  constexpr std::array<std::string_view, 32> kMinds = {
      "ampere", "babbage", "bohr",   "boole",  "curie",   "darwin",   "dirac",   "euler",
      "fermat", "fourier", "galois", "gauss",  "germain", "goedel",   "hamming", "hilbert",
      "hopper", "kepler",  "knuth",  "lamarr", "leibniz", "lovelace", "maxwell", "meitner",
      "newton", "noether", "pascal", "planck", "ritchie", "shannon",  "turing",  "volta"};
  return fmt::format("{}_{}_{:04x}", kMoods[random % 32], kMinds[random / 32 % 32], random >> 48);
}

bool is_container_name(std::string_view name) {
  auto plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.size() < 2 || name.size() > 128 || !plain(name.front())) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; });
}

std::string log_record_header(Nanoseconds time, ContainerOwner::Stream stream, std::size_t length) {
  return fmt::format("{} {} {}\n", time, static_cast<int>(stream), length);
}

void take_log_records(std::string& buffer, const std::function<void(const LogRecord&)>& record) {
  std::size_t taken = 0;
  for (;;) {
    std::size_t line_end = buffer.find('\n', taken);
    if (line_end == std::string::npos) break;
    auto words = split(std::string_view(buffer).substr(taken, line_end - taken), ' ');
    auto time = words.size() == 3 ? find_integer(words[0]) : std::nullopt;
    auto length = words.size() == 3 ? find_unsigned(words[2]) : std::nullopt;
    if (!time || !length || *length > kMaxRecordBytes || (words[1] != "1" && words[1] != "2"))
      throw_error(ErrorKind::corrupt, "the container's log is damaged");
    if (buffer.size() - line_end - 1 < *length + 1) break;
    record({.time = *time,
            .stream = words[1] == "1" ? ContainerOwner::Stream::out : ContainerOwner::Stream::err,
            .bytes = buffer.substr(line_end + 1, *length)});
    taken = line_end + 1 + *length + 1;
  }
  buffer.erase(0, taken);
}

}  // namespace imgb
