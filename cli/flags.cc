#include "cli/flags.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

struct Names {
  char short_name = 0;
  std::string long_name;
};

Names split_names(std::string_view names) {
  if (names.size() == 1) return {names[0], {}};
  if (names.size() > 2 && names[1] == ',') return {names[0], std::string(names.substr(2))};
  return {0, std::string(names)};
}

bool parse_boolean(const std::string& name, const std::string& value) {
  for (const char* yes : {"true", "1", "t", "T", "TRUE", "True"})
    if (value == yes) return true;
  for (const char* no : {"false", "0", "f", "F", "FALSE", "False"})
    if (value == no) return false;
  throw_error(ErrorKind::usage, "--{} is true or false, not {:?}", name, printable(value));
}

bool looks_like_flag(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

std::string joined_or(const std::vector<std::string>& choices) {
  std::string text;
  for (std::size_t i = 0; i < choices.size(); ++i)
    text += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  return text;
}

}  // namespace

std::string spelled(const FlagInfo& flag) {
  if (!flag.short_name) return "--" + flag.long_name;
  return flag.long_name.empty() ? fmt::format("-{}", flag.short_name)
                                : fmt::format("-{}, --{}", flag.short_name, flag.long_name);
}

FlagInfo& Flags::add(FlagInfo::Kind kind, std::string_view names, std::string value_name, std::string help,
                     Setter set) {
  Names split = split_names(names);
  flags_.push_back({.long_name = std::move(split.long_name),
                    .short_name = split.short_name,
                    .kind = kind,
                    .value_name = std::move(value_name),
                    .help = std::move(help)});
  set_flag_.push_back(std::move(set));
  return flags_.back();
}

FlagInfo& Flags::boolean(bool& into, std::string_view names, std::string help) {
  std::string name = split_names(names).long_name;
  return add(FlagInfo::Kind::boolean, names, {}, std::move(help),
             [&into, name](const std::string& value) { into = parse_boolean(name, value); });
}

FlagInfo& Flags::boolean_or_word(std::string& into, std::string_view names, std::string help) {
  return add(FlagInfo::Kind::boolean, names, {}, std::move(help), [&into](const std::string& value) { into = value; });
}

FlagInfo& Flags::text(std::string& into, std::string_view names, std::string value_name, std::string help) {
  return add(FlagInfo::Kind::value, names, std::move(value_name), std::move(help),
             [&into](const std::string& value) { into = value; });
}

FlagInfo& Flags::text(std::optional<std::string>& into, std::string_view names, std::string value_name,
                      std::string help) {
  return add(FlagInfo::Kind::value, names, std::move(value_name), std::move(help),
             [&into](const std::string& value) { into = value; });
}

FlagInfo& Flags::list(std::vector<std::string>& into, std::string_view names, std::string value_name,
                      std::string help) {
  return add(FlagInfo::Kind::list, names, std::move(value_name), std::move(help),
             [&into](const std::string& value) { into.push_back(value); });
}

FlagInfo& Flags::number(std::optional<std::uint64_t>& into, std::string_view names, std::string value_name,
                        std::string help) {
  std::string name = split_names(names).long_name;
  return add(FlagInfo::Kind::value, names, std::move(value_name), std::move(help),
             [&into, name](const std::string& value) {
               into = find_unsigned(value);
               if (!into) throw_error(ErrorKind::usage, "--{} is a number, not {:?}", name, printable(value));
             });
}

FlagInfo& Flags::size(std::optional<std::uint64_t>& into, std::string_view names, std::string help) {
  std::string name = split_names(names).long_name;
  return add(FlagInfo::Kind::value, names, "BYTES", std::move(help), [&into, name](const std::string& value) {
    into = find_size_bytes(value);
    if (!into) throw_error(ErrorKind::usage, "--{} is a size such as 64m or 2g, not {:?}", name, printable(value));
  });
}

FlagInfo& Flags::choice(std::string& into, std::string_view names, std::vector<std::string> choices, std::string help) {
  std::string name = split_names(names).long_name;
  FlagInfo& flag = add(FlagInfo::Kind::value, names, joined_or(choices), std::move(help),
                       [&into, name, choices](const std::string& value) {
                         if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
                           Error error(ErrorKind::usage,
                                       fmt::format("--{} is {}, not {:?}", name, joined_or(choices), printable(value)));
                           if (auto near = find_nearest(value, choices)) error.set_hint("did you mean " + *near + "?");
                           throw error;
                         }
                         into = value;
                       });
  flag.choices = std::move(choices);
  flag.value_name = "WORD";
  return flag;
}

ArgumentInfo& Flags::add_argument(std::string name, std::size_t min, std::optional<std::size_t> max, Setter set) {
  arguments_.push_back({.name = std::move(name), .min = min, .max = max});
  set_argument_.push_back(std::move(set));
  return arguments_.back();
}

ArgumentInfo& Flags::argument(std::string& into, std::string name) {
  return add_argument(std::move(name), 1, 1, [&into](const std::string& value) { into = value; });
}

ArgumentInfo& Flags::argument(std::optional<std::string>& into, std::string name) {
  return add_argument(std::move(name), 0, 1, [&into](const std::string& value) { into = value; });
}

ArgumentInfo& Flags::arguments(std::vector<std::string>& into, std::string name, std::size_t min) {
  return add_argument(std::move(name), min, std::nullopt, [&into](const std::string& value) { into.push_back(value); });
}

ArgumentInfo& Flags::command(std::vector<std::string>& into, std::string name, std::size_t min) {
  ArgumentInfo& argument = arguments(into, std::move(name), min);
  argument.command = true;
  return argument;
}

void Flags::unknown_flag(const std::string& word) const {
  std::string given = word.substr(0, word.find('='));
  std::vector<std::string> known;
  for (const FlagInfo& flag : flags_)
    if (!flag.hidden && !flag.long_name.empty()) known.push_back("--" + flag.long_name);
  Error error(ErrorKind::usage, fmt::format("unknown flag {}", printable(given)));
  if (auto near = find_nearest(given, known)) error.set_hint("did you mean " + *near + "?");
  throw error;
}

std::optional<std::size_t> Flags::find_long(std::string_view name) const {
  for (std::size_t i = 0; i < flags_.size(); ++i)
    if (!name.empty() && flags_[i].long_name == name) return i;
  return std::nullopt;
}

std::optional<std::size_t> Flags::find_short(char name) const {
  for (std::size_t i = 0; i < flags_.size(); ++i)
    if (flags_[i].short_name == name) return i;
  return std::nullopt;
}

// "--name", "--name=value", "--name value". Sets `next` behind what was taken.
void Flags::take_long(std::span<const std::string> words, std::size_t& next, bool& help) {
  const std::string& word = words[next++];
  std::size_t equals = word.find('=');
  std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
  if (name == "help") {
    help = true;
    return;
  }
  auto found = find_long(name);
  if (!found) unknown_flag(word);
  if (equals != std::string::npos) return set_flag_[*found](word.substr(equals + 1));
  if (flags_[*found].kind == FlagInfo::Kind::boolean) return set_flag_[*found]("true");
  if (next == words.size()) throw_error(ErrorKind::usage, "--{} needs a value", name);
  set_flag_[*found](words[next++]);
}

// "-it", "-eK=V", "-e=K=V", "-e K=V".
void Flags::take_short(std::span<const std::string> words, std::size_t& next, bool& help) {
  const std::string& word = words[next++];
  for (std::size_t at = 1; at < word.size(); ++at) {
    auto found = find_short(word[at]);
    if (!found && word[at] == 'h') {
      help = true;
      continue;
    }
    if (!found) unknown_flag(std::string("-") + word[at]);
    bool has_value = at + 1 < word.size() && word[at + 1] == '=';
    if (flags_[*found].kind == FlagInfo::Kind::boolean && !has_value) {
      set_flag_[*found]("true");
      continue;
    }
    if (at + 1 < word.size()) return set_flag_[*found](word.substr(at + (has_value ? 2 : 1)));
    if (next == words.size()) throw_error(ErrorKind::usage, "-{} needs a value", word[at]);
    return set_flag_[*found](words[next++]);
  }
}

std::vector<std::string> Flags::parse_flags(std::span<const std::string> words, bool prefix_only, bool& help) {
  std::vector<std::string> rest;
  for (std::size_t next = 0; next < words.size() && !help;) {
    const std::string& word = words[next];
    if (word == "--" || (prefix_only && !looks_like_flag(word))) {
      if (word == "--") ++next;
      rest.insert(rest.end(), words.begin() + static_cast<std::ptrdiff_t>(next), words.end());
      break;
    }
    if (!looks_like_flag(word))
      rest.push_back(words[next++]);
    else if (word[1] == '-')
      take_long(words, next, help);
    else
      take_short(words, next, help);
  }
  return rest;
}

std::vector<std::string> Flags::parse_leading(std::span<const std::string> words, bool& help) {
  return parse_flags(words, true, help);
}

void Flags::assign(const std::vector<std::string>& words) {
  std::size_t next = 0, still_needed = 0;
  for (const ArgumentInfo& argument : arguments_) still_needed += argument.min;
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    const ArgumentInfo& argument = arguments_[i];
    still_needed -= argument.min;
    std::size_t taken = 0;
    while (next + still_needed < words.size() && (!argument.max || taken < *argument.max)) {
      set_argument_[i](words[next++]);
      ++taken;
    }
    if (taken < argument.min) {
      Error missing(ErrorKind::usage, argument.name + " is missing");
      if (argument.name == "CONTEXT") missing.set_hint("for the current folder: imgb build .");
      throw missing;
    }
  }
  if (next < words.size()) throw_error(ErrorKind::usage, "unexpected argument {:?}", printable(words[next]));
}

Flags::Parsed Flags::parse(std::span<const std::string> words) {
  bool takes_command = std::any_of(arguments_.begin(), arguments_.end(), [](const auto& a) { return a.command; });
  bool help = false;
  std::vector<std::string> rest = parse_flags(words, takes_command, help);
  if (help) return Parsed::help;
  assign(rest);
  return Parsed::run;
}

std::string Flags::usage() const {
  std::string text = flags_.empty() ? "" : "[OPTIONS]";
  for (const ArgumentInfo& argument : arguments_) {
    std::string word = argument.name + (argument.max ? "" : "...");
    text += (text.empty() ? "" : " ") + (argument.min == 0 ? "[" + word + "]" : word);
  }
  return text;
}

std::string Flags::options() const {
  std::size_t width = 0;
  auto left = [](const FlagInfo& flag) {
    std::string text = flag.short_name ? "  " + spelled(flag) : "      --" + flag.long_name;
    if (!flag.value_name.empty()) text += " " + flag.value_name;
    return text;
  };
  for (const FlagInfo& flag : flags_)
    if (!flag.hidden) width = std::max(width, left(flag).size());
  std::string text;
  for (const FlagInfo& flag : flags_) {
    if (flag.hidden) continue;
    std::string help = flag.help;
    if (!flag.choices.empty()) help += " (" + join(flag.choices, ", ") + ")";
    text += fmt::format("{:<{}}   {}\n", left(flag), width, help);
  }
  return text;
}

}  // namespace imgb
