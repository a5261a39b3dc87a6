#include "cli/commands.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/fsck.h"
#include "sandbox/containers.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Fsck : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(repair_, "repair", "Set damaged blobs aside, drop images that need them, remove leftovers");
  }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    std::stop_token stop = env.stop();
    Store& store = env.store();
    if (repair_ && !store.lock_exclusively(false))
      throw Error(ErrorKind::unavailable, "the store is in use").set_hint("stop builds and containers, then try again");
    FsckReport report = check(env, store, stop);
    check_containers(store, report);
    env.close_screen();
    for (const Finding& finding : report.findings)
      env.print_line(printable(fmt::format("{}: {}: {}{}", name_of(finding.kind), finding.what, finding.detail,
                                           finding.repaired ? " (repaired)" : "")));
    env.print_line(fmt::format("{} blobs, {} checked: {}", report.blobs, render_size(report.size_bytes),
                               report.is_clean() ? "clean" : "damaged"));
    return report.is_clean() ? 0 : 1;
  }

 private:
  void check_containers(Store& store, FsckReport& report) const {
    auto folder = store.root().find_dir("containers");
    if (!folder) return;  // nor is it made: there may be no room
    Containers containers(*std::move(folder));
    FileLock names = containers.lock_names(repair_ ? FileLock::Mode::exclusive : FileLock::Mode::shared);
    for (const std::string& remains : containers.list_remains(names)) {
      if (repair_) containers.remove_remains(names, remains);
      report.findings.push_back({.kind = Finding::Kind::leftover,
                                 .what = "containers/" + remains,
                                 .detail = "of a container that was half made or half removed",
                                 .image = {},
                                 .repaired = repair_});
    }
  }

  FsckReport check(CliEnv& env, Store& store, const std::stop_token& stop) const {
    constexpr unsigned kReadersAtOnce = 2;
    FsckOptions options;
    options.repair = repair_;
    options.jobs = kReadersAtOnce;
    options.stop = stop;
    return while_showing(env, "checking " + store.root().name(), [&](Activity& activity) {
      options.on_progress = [&](std::uint64_t, std::uint64_t bytes) { activity.bytes("blobs", bytes, std::nullopt); };
      return fsck(store, options);
    });
  }

  bool repair_ = false;
};

}  // namespace

Command fsck_command() { return {"fsck", "Check that every byte in the store is what it should be", make_verb<Fsck>}; }

}  // namespace imgb
