#include <fmt/core.h>

#include "cli/generate.h"

namespace imgb {
namespace {

// Roff reads a backslash as an escape, a leading dot or quote as a request, and "-" as a hyphen that may break.
std::string roff(std::string_view text) {
  std::string safe;
  for (char c : text) {
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else if ((c == '.' || c == '\'') && safe.empty())
      safe += fmt::format("\\&{}", c);
    else
      safe += c;
  }
  return safe;
}

std::string flag_item(const FlagInfo& flag) {
  std::string help = flag.help;
  if (!flag.choices.empty()) {
    help += ":";
    for (std::size_t i = 0; i < flag.choices.size(); ++i) help += (i ? ", " : " ") + flag.choices[i];
  }
  std::string value = flag.value_name.empty() ? "" : " \\fI" + roff(flag.value_name) + "\\fR";
  return fmt::format(".TP\n\\fB{}\\fR{}\n{}.\n", roff(spelled(flag)), value, roff(help));
}

std::string flag_items(const Flags& flags) {
  std::string text;
  for (const FlagInfo& flag : flags.flags())
    if (!flag.hidden) text += flag_item(flag);
  return text;
}

std::string command_section(const std::string& prefix, const Command& command) {
  std::string name = prefix + std::string(command.name);
  if (!command.verbs.empty()) {
    std::string text;
    for (const Command& verb : command.verbs) text += command_section(name + " ", verb);
    return text;
  }
  Flags flags;
  std::unique_ptr<Verb> verb = command.make();
  verb->describe(flags);
  return fmt::format(".SS imgb {} {}\n{}.\n{}", roff(name), roff(flags.usage()), roff(command.help), flag_items(flags));
}

constexpr std::string_view kEnd = R"(.SH EXIT STATUS
0 when done, 1 on failure, 2 when the command line is wrong.
.B imgb run
and
.B imgb exec
exit with the code of the program they ran, 128 and the signal's number when a signal ended it; 126 when the command
cannot be executed, 127 when it is not found. When imgb itself failed
.B imgb run
exits with 125. Commands that take several names do what they can for each, and exit with 1 when one failed.
.SH ENVIRONMENT
.TP
.B IMGB_ROOT
Where images are kept, as \-\-root.
.TP
.B SOURCE_DATE_EPOCH
Seconds since 1970; times in built images are not later than this.
.TP
.B NO_COLOR
When set and not empty, progress has no colours.
.TP
.B HTTP_PROXY, HTTPS_PROXY, NO_PROXY
Proxies for registries and downloads; RUN steps see them as predefined arguments.
.TP
.B REGISTRY_AUTH_FILE, CONTAINERS_REGISTRIES_CONF
Other places of the files below.
.SH FILES
.TP
.I /var/lib/imgb
Images of root: an OCI image layout with caches beside it. Other users have
.I $XDG_DATA_HOME/imgb
or
.IR ~/.local/share/imgb .
.TP
.I /etc/containers/registries.conf, ~/.docker/config.json, $XDG_RUNTIME_DIR/containers/auth.json
Mirrors and credentials, as other container tools read them.
.SH SEE ALSO
.BR containers\-registries.conf (5),
.BR skopeo (1)
)";

}  // namespace

std::string render_man_page() {
  Globals globals;
  Flags flags;
  globals.describe(flags);
  std::string text = fmt::format(".TH IMGB 1 \"\" \"imgb {}\" \"User Commands\"\n", IMGB_VERSION);
  text += ".SH NAME\nimgb \\- build, run and move container images\n";
  text += ".SH SYNOPSIS\n.B imgb\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n";
  text +=
      ".SH DESCRIPTION\nBuilds container images from Dockerfiles, runs them, and moves them between registries, "
      "archives and\n"
      "other machines. There is no daemon: each command does its work and ends. Results are written to standard "
      "output,\n"
      "everything else to standard error.\n";
  text += ".SH OPTIONS OF EVERY COMMAND\n" + flag_items(flags) + ".SH COMMANDS\n";
  for (const Command& command : commands()) text += command_section("", command);
  return text + std::string(kEnd);
}

}  // namespace imgb
