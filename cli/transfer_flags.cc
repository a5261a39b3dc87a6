#include "cli/transfer_flags.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {

void RetryFlags::describe(Flags& flags) {
  flags.number(retries_, "retry", "N", "Try a request again so often when it fails (5)");
  flags.text(delay_, "retry-delay", "TIME", "Wait this long before each, such as 2s (longer each time)");
}

RetryLimits RetryFlags::limits() const {
  std::optional<std::chrono::milliseconds> delay;
  if (delay_) {
    auto seconds = find_unsigned(*delay_);
    auto time = seconds && *seconds < 1'000'000 ? std::optional(static_cast<std::int64_t>(*seconds) * 1'000'000'000)
                                                : find_go_duration(*delay_);
    if (!time || *time < 0) throw_error(ErrorKind::usage, "--retry-delay is a time such as 2s, not {:?}", *delay_);
    delay = std::chrono::milliseconds(*time / 1'000'000);
  }
  return retry_limits(retries_, delay);
}

std::vector<Platform> parse_platforms(const std::vector<std::string>& texts) {
  std::vector<Platform> platforms;
  for (const std::string& text : texts)
    for (std::string_view one : split(text, ',')) platforms.push_back(Platform::parse(trim(one)));
  return platforms;
}

std::string describe_transfer(const CopyResult& result, const char* moved) {
  if (result.present + result.mounted + result.moved + result.referrers == 0) return "it was there already";
  std::string text = fmt::format("{} blobs {} ({}), {} mounted, {} there already", result.moved, moved,
                                 render_size(result.moved_bytes), result.mounted, result.present);
  if (result.referrers > 0) text += fmt::format(", {} referrers", result.referrers);
  return text;
}

}  // namespace imgb
