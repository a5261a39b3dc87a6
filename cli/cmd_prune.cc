#include "builder/prune.h"
#include "cli/commands.h"
#include "cli/prune_volumes.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Prune : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(all_, "a,all", "Also images with names that no container uses, and all of the build cache");
    flags.boolean(request_.cache_of_images, "cache", "All of the build cache, also the layers of images");
    flags.boolean(request_.ended_containers, "containers", "Containers that ended too");
    flags.boolean(volumes_, "volumes", "Volumes that no container uses");
    flags.boolean(request_.dry_run, "dry-run", "Only tell what would go");
    flags.list(filters_, "filter", "FILTER", "until=24h: only what is older or was not used since; label=KEY[=VALUE]");
    flags.size(keep_, "max-used-space", "So much of the build cache stays, what was used last first");
    flags.size(keep_, "keep-storage", "The same").hidden = true;
    flags.boolean(force_, "f,force", "For scripts: nothing is asked").hidden = true;
  }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    parse_filters();
    request_.named_images = all_;
    request_.cache_of_images |= all_;
    request_.keep_cache_bytes = keep_.value_or(0);
    SnapshotStore snapshots(env.store());
    Pruned gone =
        prune(env.store(), snapshots, request_, [&](const std::string& what) { env.tell("WARNING: " + what); });
    if (auto trouble = env.store().cache().trouble())
      env.tell("WARNING: the build cache cannot be read, so nothing of it is kept: " + *trouble);
    PrunedVolumes volumes = volumes_ ? prune_volumes(env.store(), request_.dry_run) : PrunedVolumes();
    gone.size_bytes += volumes.size_bytes;
    for (const std::string& container : gone.containers) env.print_line("container " + container);
    for (const std::string& image : gone.images) env.print_line("image " + image);
    for (const std::string& volume : volumes.names) env.print_line("volume " + volume);
    env.print_line(fmt::format("{} cached steps, {} cache mounts, {} unpacked layers, {} blobs, {} leftovers",
                               gone.steps, gone.cache_mounts, gone.snapshots, gone.blobs, gone.leftovers));
    env.print_line(fmt::format("{} {}", request_.dry_run ? "would free" : "freed", render_size(gone.size_bytes)));
    return 0;
  }

 private:
  void parse_filters() {
    for (const std::string& filter : filters_) {
      std::size_t equals = filter.find('=');
      std::string key = filter.substr(0, equals), value = equals == std::string::npos ? "" : filter.substr(equals + 1);
      auto age = key == "until" ? find_go_duration(value) : std::nullopt;
      if (age)
        request_.before = now() - *age;
      else if (key == "label" && !value.empty())
        request_.labels.push_back(value);
      else
        throw_error(ErrorKind::usage, "filter {:?} is not understood", printable(filter));
    }
  }

  PruneRequest request_;
  bool all_ = false, force_ = false, volumes_ = false;
  std::optional<std::uint64_t> keep_;
  std::vector<std::string> filters_;
};

}  // namespace

Command prune_command() { return {"prune", "Free space: what nothing needs any more", make_verb<Prune>}; }

}  // namespace imgb
