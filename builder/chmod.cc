#include "builder/chmod.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

// Set-ids and the sticky bit go with user and group: "o+s" and "o+t" change nothing.
constexpr std::uint32_t kUser = 05700, kGroup = 03070, kOther = 00007, kAll = 07777;
constexpr std::uint32_t kSetIds = 06000, kSticky = 01000, kExecute = 0111, kPermissions = 0777;

[[noreturn]] void bad_mode(std::string_view text) {
  throw_error(ErrorKind::input, "invalid chmod parameter: '{}'. it should be octal string and between 0 and 07777",
              printable(text));
}

std::uint32_t who_bits(char who) {
  switch (who) {
    case 'u':
      return kUser;
    case 'g':
      return kGroup;
    case 'o':
      return kOther;
    default:
      return kAll;
  }
}

/// The three permission bits of one class, spread over all three.
std::uint32_t spread(std::uint32_t mode, char from) {
  std::uint32_t bits = mode >> (from == 'u' ? 6 : from == 'g' ? 3 : 0) & 07;
  return bits << 6 | bits << 3 | bits;
}

bool is_operation(char c) { return c == '+' || c == '-' || c == '='; }
bool is_class(char c) { return c == 'u' || c == 'g' || c == 'o'; }

/// Reads one letter after an operation into its place; false when it is none.
bool read_permission(char c, std::uint32_t& bits, bool& x_if_any) {
  switch (c) {
    case 'r':
      bits |= 0444;
      return true;
    case 'w':
      bits |= 0222;
      return true;
    case 'x':
      bits |= 0111;
      return true;
    case 'X':
      x_if_any = true;
      return true;
    case 's':
      bits |= kSetIds;
      return true;
    case 't':
      bits |= kSticky;
      return true;
    default:
      return false;
  }
}

}  // namespace

ModeChange ModeChange::parse(std::string_view text) {
  ModeChange change;
  bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    auto octal = find_octal(text);
    if (!octal || *octal > 07777) bad_mode(text);
    change.octal_ = static_cast<std::uint32_t>(*octal);
    return change;
  }
  for (std::string_view clause : split(text, ',')) {
    if (!change.add_clause(clause)) bad_mode(text);
  }
  return change;
}

bool ModeChange::add_clause(std::string_view clause) {
  std::uint32_t who = 0;
  while (!clause.empty() && (is_class(clause.front()) || clause.front() == 'a')) {
    who |= who_bits(clause.front());
    clause.remove_prefix(1);
  }
  if (who == 0) who = kAll;
  if (clause.empty()) return false;
  while (!clause.empty()) {
    Step step{who, clause.front(), 0, false, 0};
    if (!is_operation(step.operation)) return false;
    clause.remove_prefix(1);
    add_operands(step, clause);
  }
  return true;
}

/// The letters after one operation: "rwX" is one step, each class to copy from ("g=u") another.
void ModeChange::add_operands(Step step, std::string_view& clause) {
  const Step bare = step;
  bool letters = false, copies = false;
  for (; !clause.empty(); clause.remove_prefix(1)) {
    if (is_class(clause.front())) {
      if (letters) steps_.push_back(step);
      step = bare;
      letters = false;
      copies = true;
      Step copy = bare;
      copy.copy_from = clause.front();
      steps_.push_back(copy);
    } else if (read_permission(clause.front(), step.bits, step.x_if_any)) {
      letters = true;
    } else {
      break;
    }
  }
  if (letters || !copies) steps_.push_back(step);
}

std::uint32_t ModeChange::apply(std::uint32_t mode, bool is_dir) const {
  if (steps_.empty()) return octal_;
  const bool any_execute = is_dir || (mode & kExecute) != 0;  // X asks about the mode before all steps
  for (const Step& step : steps_) {
    std::uint32_t bits = step.bits;
    if (step.x_if_any && any_execute) bits |= kExecute;
    if (step.copy_from != 0) bits = spread(mode, step.copy_from);
    bits &= step.who;
    // "=" never clears the sticky bit, and a copy leaves set-ids alone too.
    std::uint32_t cleared = step.who & (step.copy_from != 0 ? kPermissions : kPermissions | kSetIds);
    if (step.operation == '+') mode |= bits;
    if (step.operation == '-') mode &= ~bits;
    if (step.operation == '=') mode = (mode & ~cleared) | bits;
  }
  return mode;
}

}  // namespace imgb
