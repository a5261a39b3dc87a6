#include <fmt/core.h>

#include "cli/generate.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::string_view name_of(Completes what) {
  switch (what) {
    case Completes::file:
      return "file";
    case Completes::folder:
      return "folder";
    case Completes::image:
      return "image";
    case Completes::container:
      return "container";
    case Completes::nothing:
      return "nothing";
  }
  return "nothing";
}

struct Words {
  std::vector<std::string> all;
  std::string valued;  ///< Lines of a case statement: flags that take a value, and what that is.
};

Words words_of(const Flags& flags) {
  Words words;
  for (const FlagInfo& flag : flags.flags()) {
    if (flag.hidden) continue;
    std::vector<std::string> spellings;
    if (!flag.long_name.empty()) spellings.push_back("--" + flag.long_name);
    if (flag.short_name) spellings.push_back(std::string("-") + flag.short_name);
    words.all.insert(words.all.end(), spellings.begin(), spellings.end());
    if (flag.kind == FlagInfo::Kind::boolean) continue;
    std::string what = flag.choices.empty() ? std::string(name_of(flag.completes)) : "words " + join(flag.choices, " ");
    words.valued += fmt::format("        {}) value='{}' ;;\n", join(spellings, "|"), what);
  }
  return words;
}

std::string verb_case(const std::string& prefix, const Command& command) {
  std::string name = prefix + std::string(command.name);
  if (!command.verbs.empty()) {
    std::vector<std::string> names;
    std::string text;
    for (const Command& verb : command.verbs) {
      names.emplace_back(verb.name);
      text += verb_case(name + " ", verb);
    }
    return text + fmt::format("    '{}') argument='words {}' ;;\n", name, join(names, " "));
  }
  Flags flags;
  Globals globals;
  std::unique_ptr<Verb> verb = command.make();
  verb->describe(flags);
  globals.describe(flags);
  Words words = words_of(flags);
  Completes argument = flags.argument_infos().empty() ? Completes::nothing : flags.argument_infos()[0].completes;
  return fmt::format("    '{}')\n      flags='{}'\n      argument={}\n      case $previous in\n{}      esac ;;\n", name,
                     join(words.all, " ") + " --help", name_of(argument), words.valued);
}

// clang-format off
constexpr std::string_view kBegin = R"BASH(# bash completion for imgb
_imgb_offer() {
  case $1 in
    file) COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames ;;
    folder) COMPREPLY=($(compgen -d -- "$current")); compopt -o filenames ;;
    image) COMPREPLY=($(compgen -W "$(imgb images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)" -- "$current"))
      __ltrim_colon_completions "$current" 2>/dev/null ;;
    container) COMPREPLY=($(compgen -W "$(imgb ps -a --format '{{.Names}}' 2>/dev/null)" -- "$current")) ;;
    words) COMPREPLY=($(compgen -W "${*:2}" -- "$current")) ;;
  esac
}

_imgb() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local verb='' flags='' argument='' value='' word
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      -*) ;;
      *) if [[ -z $verb ]]; then verb=$word; elif [[ $verb == debug ]]; then verb="debug $word"; fi ;;
    esac
  done
  case $verb in
)BASH";

constexpr std::string_view kEnd = R"BASH(  esac
  if [[ -n $value ]]; then
    _imgb_offer $value
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else
    _imgb_offer $argument
  fi
}
complete -F _imgb imgb
)BASH";
// clang-format on

}  // namespace

std::string render_bash_completion() {
  std::vector<std::string> names;
  std::string text(kBegin);
  for (const Command& command : commands()) {
    names.emplace_back(command.name);
    text += verb_case("", command);
  }
  Globals globals;
  Flags flags;
  globals.describe(flags);
  Words words = words_of(flags);
  text +=
      fmt::format("    '')\n      flags='{}'\n      argument='words {}'\n      case $previous in\n{}      esac ;;\n",
                  join(words.all, " ") + " --help --version", join(names, " "), words.valued);
  return text + std::string(kEnd);
}

}  // namespace imgb
