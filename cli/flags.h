#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace imgb {

/// What a shell may offer as a value.
enum class Completes : std::uint8_t { nothing, file, folder, image, container };

/// One flag as help, man page and completion show it.
struct FlagInfo {
  enum class Kind : std::uint8_t { boolean, value, list };
  std::string long_name;  ///< Without dashes; may be empty.
  char short_name = 0;    ///< 0: none.
  Kind kind = Kind::boolean;
  std::string value_name;  ///< "NAME"; empty for booleans.
  std::string help;
  std::vector<std::string> choices;
  Completes completes = Completes::nothing;
  bool hidden = false;
};

/// One word that is no flag.
struct ArgumentInfo {
  std::string name;  ///< "CONTEXT"
  std::size_t min = 1;
  std::optional<std::size_t> max = 1;  ///< nullopt: any number.
  Completes completes = Completes::nothing;
  bool command = false;  ///< Takes everything that follows, flags included.
};

/// The flags and arguments of one verb: described once, used to parse, to print help, and to generate the man page and
/// the shell completion. A verb binds each description to the variable that takes the value.
///
/// Spelling is Docker's: --flag value, --flag=value, -f value, -fvalue, -it, --flag=false for booleans; the last of a
/// repeated single value counts; after "--" nothing is a flag. All errors are Error(usage), with a suggestion where a
/// known word is near.
class Flags {
 public:
  /// `names`: "long" or "s,long".
  FlagInfo& boolean(bool& into, std::string_view names, std::string help);
  /// A boolean that also takes words: --pull is "true", --pull=never is "never".
  FlagInfo& boolean_or_word(std::string& into, std::string_view names, std::string help);
  FlagInfo& text(std::string& into, std::string_view names, std::string value_name, std::string help);
  FlagInfo& text(std::optional<std::string>& into, std::string_view names, std::string value_name, std::string help);
  FlagInfo& list(std::vector<std::string>& into, std::string_view names, std::string value_name, std::string help);
  FlagInfo& number(std::optional<std::uint64_t>& into, std::string_view names, std::string value_name,
                   std::string help);
  FlagInfo& size(std::optional<std::uint64_t>& into, std::string_view names, std::string help);  ///< "512m"
  FlagInfo& choice(std::string& into, std::string_view names, std::vector<std::string> choices, std::string help);

  ArgumentInfo& argument(std::string& into, std::string name);
  ArgumentInfo& argument(std::optional<std::string>& into, std::string name);
  ArgumentInfo& arguments(std::vector<std::string>& into, std::string name, std::size_t min);
  /// Everything after the arguments before it. Flags of the verb end at its first argument (docker run, docker exec).
  ArgumentInfo& command(std::vector<std::string>& into, std::string name, std::size_t min);

  enum class Parsed : std::uint8_t { run, help };
  Parsed parse(std::span<const std::string> words);
  /// Takes flags from the front of `words` and returns what begins with the first word that is none.
  std::vector<std::string> parse_leading(std::span<const std::string> words, bool& help);

  const std::vector<FlagInfo>& flags() const { return flags_; }
  const std::vector<ArgumentInfo>& argument_infos() const { return arguments_; }
  std::string usage() const;    ///< "[OPTIONS] CONTEXT"
  std::string options() const;  ///< The aligned list that --help prints.

 private:
  using Setter = std::function<void(const std::string&)>;
  FlagInfo& add(FlagInfo::Kind kind, std::string_view names, std::string value_name, std::string help, Setter set);
  ArgumentInfo& add_argument(std::string name, std::size_t min, std::optional<std::size_t> max, Setter set);
  std::vector<std::string> parse_flags(std::span<const std::string> words, bool prefix_only, bool& help);
  void assign(const std::vector<std::string>& words);
  std::optional<std::size_t> find_long(std::string_view name) const;
  std::optional<std::size_t> find_short(char name) const;
  void take_long(std::span<const std::string> words, std::size_t& next, bool& help);
  void take_short(std::span<const std::string> words, std::size_t& next, bool& help);
  [[noreturn]] void unknown_flag(const std::string& word) const;

  std::vector<FlagInfo> flags_;
  std::vector<Setter> set_flag_;
  std::vector<ArgumentInfo> arguments_;
  std::vector<Setter> set_argument_;
};

std::string spelled(const FlagInfo& flag);  ///< "-t, --tag"

}  // namespace imgb
