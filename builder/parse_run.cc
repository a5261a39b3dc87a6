#include "builder/parse_instruction.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr FlagRule kRunFlags[] = {
    {"mount", FlagKind::list}, {"network", FlagKind::text}, {"security", FlagKind::text}, {"device", FlagKind::list}};

RunNetwork parse_network(std::string_view text) {
  if (text == "default") return RunNetwork::standard;
  if (text == "none") return RunNetwork::none;
  if (text == "host") return RunNetwork::host;
  throw_error(ErrorKind::input, "invalid network mode {}", printable(go_quote(text)));
}

RunSecurity parse_security(std::string_view text) {
  if (text == "sandbox") return RunSecurity::sandbox;
  if (text == "insecure") return RunSecurity::insecure;
  throw_error(ErrorKind::input, "invalid security mode {}", printable(go_quote(text)));
}

}  // namespace

Run parse_run(const RawInstruction& raw) {
  FlagSet flags(raw.flags, kRunFlags);
  Run run;
  run.command = command_line_of(raw);
  run.heredocs = raw.heredocs;
  run.flags = raw.flags;
  for (const std::string& mount : flags.list("mount")) run.mounts.push_back(parse_mount_spec(mount));
  if (auto network = flags.find("network")) run.network = parse_network(*network);
  if (auto security = flags.find("security")) run.security = parse_security(*security);
  if (!flags.list("device").empty()) throw_error(ErrorKind::unsupported, "not supported yet: RUN --device");
  return run;
}

}  // namespace imgb
