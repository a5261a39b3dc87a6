#include <cstdint>

#include "builder/parse_instruction.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr FlagRule kHealthcheckFlags[] = {{"interval", FlagKind::text},
                                          {"timeout", FlagKind::text},
                                          {"start-period", FlagKind::text},
                                          {"start-interval", FlagKind::text},
                                          {"retries", FlagKind::text}};
constexpr std::int64_t kShortestNanoseconds = 1'000'000;

std::int64_t duration_flag(const FlagSet& flags, std::string_view name) {
  auto text = flags.find(name);
  if (!text || text->empty()) return 0;
  auto duration = find_go_duration(*text);
  if (!duration) throw_error(ErrorKind::input, "invalid duration {} of --{}", printable(go_quote(*text)), name);
  if (*duration != 0 && *duration < kShortestNanoseconds) {
    throw_error(ErrorKind::input, "Interval {} cannot be less than 1ms", go_quote(name));
  }
  return *duration;
}

std::int64_t retries_flag(const FlagSet& flags) {
  auto text = flags.find("retries");
  if (!text || text->empty()) return 0;
  auto retries = find_integer(*text);
  if (!retries || *retries > INT32_MAX) {
    throw_error(ErrorKind::input, "--retries is not a number: {}", printable(go_quote(*text)));
  }
  if (*retries < 0) throw_error(ErrorKind::input, "--retries cannot be negative ({})", *retries);
  return *retries;
}

}  // namespace

HealthcheckInstruction parse_healthcheck(const RawInstruction& raw) {
  if (raw.args.empty()) throw_error(ErrorKind::input, "HEALTHCHECK requires at least one argument");
  std::string_view type = raw.args.front();
  HealthcheckInstruction check;
  if (iequals_ascii(type, "NONE")) {
    if (raw.args.size() > 1) throw_error(ErrorKind::input, "HEALTHCHECK NONE takes no arguments");
    check.test = {"NONE"};
    return check;
  }
  FlagSet flags(raw.flags, kHealthcheckFlags);
  if (!iequals_ascii(type, "CMD")) {
    throw_error(ErrorKind::input, "Unknown type {} in HEALTHCHECK (try CMD)", printable(go_quote(type)));
  }
  if (raw.args.size() == 1) throw_error(ErrorKind::input, "Missing command after HEALTHCHECK CMD");
  check.test = {raw.json ? "CMD" : "CMD-SHELL"};
  check.test.insert(check.test.end(), raw.args.begin() + 1, raw.args.end());
  check.interval = duration_flag(flags, "interval");
  check.timeout = duration_flag(flags, "timeout");
  check.start_period = duration_flag(flags, "start-period");
  check.start_interval = duration_flag(flags, "start-interval");
  check.retries = retries_flag(flags);
  return check;
}

}  // namespace imgb
