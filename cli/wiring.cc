#include "cli/wiring.h"

#include "cli/settle.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/rootless.h"

namespace imgb {

ImageWiring::ImageWiring(CliEnv& env, Isolation isolation, RetryLimits retries)
    : access_(
          environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
          retries),
      registry_(env.store(), access_),
      isolation_(std::make_shared<HostIsolation>(isolation, env.store().folder("snapshots"))),
      snapshots_(env.store(), [isolated = isolation_] { return isolated->choice().form; }),
      source_(env.store(), snapshots_, registry_, ImageSource::Names::of_store) {
  if (auto warning = rootless_warning()) env.progress().warn(*warning);
}

LocalImage ImageWiring::obtain(CliEnv& env, const std::string& typed, const Platform& platform, PullPolicy policy,
                               LayerNeed need) {
  std::stop_token stop = env.stop();
  if (policy != PullPolicy::always) {
    auto local = find_local_image(env.store(), typed, platform);
    if (local && match_rank(platform, local->config.platform)) return std::move(*local);
    if (policy == PullPolicy::never) return get_local_image(env.store(), typed, platform);
  }
  Reference name = Reference::parse(typed).with_default_tag();
  return while_showing(env, "pulling " + name.familiar(), [&](Activity& activity) {
    BaseImage image = source_.resolve(name, platform, PullPolicy::always, activity, stop);
    source_.fetch(image, need, activity, stop);
    settle_in_background(env.store().root(), snapshots_);
    LocalImage got = get_local_image(env.store(), name.canonical(), platform);
    // What is no index is what it is, whatever was asked for.
    if (!match_rank(platform, got.config.platform))
      env.progress().warn(
          fmt::format("{} is for {} only, not for {}", name.familiar(), got.config.platform.str(), platform.str()));
    return got;
  });
}

PullPolicy parse_pull_policy(std::string_view text) {
  if (text == "missing") return PullPolicy::missing;
  if (text == "always" || text == "true") return PullPolicy::always;
  if (text == "never") return PullPolicy::never;
  throw_error(ErrorKind::usage, "--pull is missing, always or never, not {:?}", printable(text));
}

Platform platform_or_host(const std::optional<std::string>& text) {
  return text ? Platform::parse(*text) : Platform::host();
}

}  // namespace imgb
