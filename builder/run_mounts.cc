#include "builder/run_mounts.h"

#include <fcntl.h>

#include <algorithm>

#include "builder/bind_source.h"
#include "builder/cache_import.h"
#include "builder/cache_mounts.h"
#include "builder/root_folder.h"
#include "builder/tree_input.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/lock_wait.h"

namespace imgb {
namespace {

constexpr std::size_t kMaxSecretBytes = 500 * 1024;
const FileSystem kNothing;

const FileSystem& files_of(const std::map<InputId, FileSystem>& inputs, InputId id) {
  auto at = inputs.find(id);
  return at == inputs.end() ? kNothing : at->second;
}

class KeyOfMounts {
 public:
  KeyOfMounts(Ingredients& key, MountKeys kind, const std::map<InputId, FileSystem>& inputs, StepServices& services,
              Activity& activity, const std::stop_token& stop)
      : key_(key), kind_(kind), inputs_(inputs), services_(services), activity_(activity), stop_(stop) {}

  void add(const PlannedMount& mount, std::size_t number) {
    name_ = fmt::format("mount {}", number + 1);
    std::visit([&](const auto& m) { handle(m, mount); }, mount.mount);
  }

 private:
  void handle(const run_mount::Bind& bind, const PlannedMount& mount) {
    key_.add(name_, fmt::format("bind {}{}", mount.target.str(), bind.writable ? " rw" : ""));
    add_source(*mount.input, RootedPath::clean(bind.source));
  }
  void handle(const run_mount::Cache& cache, const PlannedMount& mount) {
    key_.add(name_, fmt::format("cache {}{}{}", mount.target.str(), cache.read_only ? " ro" : "",
                                cache_mounts::owner_text(cache)));
    if (mount.input) add_source(*mount.input, RootedPath::clean(cache.source));
  }
  void add_source(InputId input, const RootedPath& path) {
    const FileSystem& files = files_of(inputs_, input);
    const Input& from = services_.plan.inputs.at(input);
    if (kind_ == MountKeys::content || files.layers.empty()) {
      BindSource(from, files, path, services_, activity_, stop_).add_to(key_, name_);
      return;
    }
    const auto* context = std::get_if<ContextInput>(&from);
    const std::string* ignored = context ? services_.find_ignore_text(*context) : nullptr;
    key_.add(fmt::format("{} stack", name_), files.stack_text());
    key_.add(fmt::format("{} path", name_), path.str());
    if (ignored) key_.add(fmt::format("{} ignore", name_), *ignored);
  }
  void handle(const run_mount::Tmpfs& tmpfs, const PlannedMount& mount) {
    key_.add(name_, fmt::format("tmpfs {} {}", mount.target.str(), tmpfs.size_bytes));
  }
  void handle(const run_mount::Secret& secret, const PlannedMount& mount) {
    key_.add(name_,
             fmt::format("secret {} {} {} {:o} {}:{}", go_quote(secret.id), secret.target ? mount.target.str() : "",
                         secret.env, secret.mode, secret.uid, secret.gid));
  }
  void handle(const run_mount::Ssh& ssh, const PlannedMount& mount) {
    key_.add(name_,
             fmt::format("ssh {} {} {:o} {}:{}", go_quote(ssh.id), mount.target.str(), ssh.mode, ssh.uid, ssh.gid));
  }

  Ingredients& key_;
  MountKeys kind_;
  const std::map<InputId, FileSystem>& inputs_;
  StepServices& services_;
  Activity& activity_;
  const std::stop_token& stop_;
  std::string name_;
};

class Opener {
 public:
  Opener(const std::map<InputId, FileSystem>& inputs, StepServices& services, Activity& activity,
         const std::stop_token& stop)
      : inputs_(inputs), services_(services), activity_(activity), stop_(stop) {}

  /// Before anything is opened, each cache once and all in one order: steps that want the same ones never wait for each
  /// other in a circle, and none waits for itself.
  void lock_caches(const std::vector<PlannedMount>& mounts) {
    struct Wanted {
      CacheSharing sharing;
      std::string id;  ///< As written.
      std::vector<const PlannedMount*> by;
    };
    std::map<std::string, Wanted> wanted;
    for (const PlannedMount& mount : mounts) {
      const auto* cache = std::get_if<run_mount::Cache>(&mount.mount);
      if (!cache) continue;
      Wanted& one = wanted.try_emplace(cache_id(*cache, mount), Wanted{cache->sharing, cache->id, {}}).first->second;
      if (strictness(cache->sharing) > strictness(one.sharing)) one.sharing = cache->sharing;
      if (one.sharing == CacheSharing::shared && services_.tools.runner.moves_caches())
        one.sharing = CacheSharing::locked;  // where nothing can be mounted it is with one step at a time
      one.by.push_back(&mount);
    }
    Dir caches = services_.tools.store.folder(cache_mounts::kFolder);
    for (const auto& [id, one] : wanted) {
      std::string name = take_cache(caches, id, one.sharing, one.id);
      for (const PlannedMount* mount : one.by) cache_names_.emplace(mount, name);
    }
  }

  void open(const PlannedMount& mount) {
    std::visit([&](const auto& m) { handle(m, mount); }, mount.mount);
  }
  OpenMounts take() { return std::move(out_); }

 private:
  void handle(const run_mount::Bind& bind, const PlannedMount& mount) {
    BindSource source(services_.plan.inputs.at(*mount.input), files_of(inputs_, *mount.input),
                      RootedPath::clean(bind.source), services_, activity_, stop_);
    out_.held.push_back(source.open());
    out_.mounts.push_back(BindMount{.source_fd = out_.held.back().get(),
                                    .target = mount.target,
                                    .read_only = !bind.writable,
                                    .discard_writes = bind.writable});
  }

  void handle(const run_mount::Cache& cache, const PlannedMount& mount) {
    Dir caches = services_.tools.store.folder(cache_mounts::kFolder);
    const std::string& name = cache_names_.at(&mount);
    if (!caches.find_stat(name)) make_cache(caches, name, cache, mount);
    Dir folder = caches.open_dir(name);
    // With `from`, source says what it starts with.
    RootedPath source = cache.from.empty() ? RootedPath::clean(cache.source) : RootedPath();
    Fd fd = folder.open_file(source.relative(), O_PATH | O_NOFOLLOW, 0, Links::in_root);
    out_.held.push_back(std::move(fd));
    bool whole = source.is_root();
    out_.homes.push_back(whole ? std::move(caches) : folder.open_dir(source.parent().relative(), Links::in_root));
    out_.mounts.push_back(BindMount{.source_fd = out_.held.back().get(),
                                    .target = mount.target,
                                    .read_only = cache.read_only,
                                    .home = &out_.homes.back(),
                                    .name_at_home = whole ? name : std::string(source.name())});
  }

  static int strictness(CacheSharing sharing) {
    return sharing == CacheSharing::shared ? 0 : sharing == CacheSharing::private_ ? 1 : 2;
  }

  /// As in BuildKit a cache is known by its id and by what it starts as: what `from` shows, its owner and its mode.
  std::string cache_id(const run_mount::Cache& cache, const PlannedMount& mount) {
    if (!mount.input) return cache_mounts::folder_of(cache);
    Ingredients all;
    all.add("id", cache.id);
    all.add("owner", cache_mounts::owner_text(cache));
    BindSource source(services_.plan.inputs.at(*mount.input), files_of(inputs_, *mount.input),
                      RootedPath::clean(cache.source), services_, activity_, stop_);
    source.add_to(all, "from");
    return all.key().hex();
  }

  /// The folder's name, locked as its sharing asks: shared by all, one at a time, or one for each.
  std::string take_cache(const Dir& caches, const std::string& id, CacheSharing sharing, std::string_view shown) {
    if (sharing != CacheSharing::private_) {
      auto mode = sharing == CacheSharing::locked ? FileLock::Mode::exclusive : FileLock::Mode::shared;
      std::string lock_name = cache_mounts::lock_name(id);
      auto lock = FileLock::try_take(caches, lock_name, mode);
      if (!lock) {
        activity_.note(fmt::format("waiting for the cache {}, which another step uses", printable(shown)));
        lock = take_lock(caches, lock_name, mode, stop_);
      }
      out_.locks.push_back(std::move(*lock));
      caches.set_mtime(lock_name, services_.request.now);
      return id;
    }
    for (int i = 0;; ++i) {
      std::string name = cache_mounts::numbered(id, i), lock_name = cache_mounts::private_lock_name(name);
      if (auto lock = FileLock::try_take(caches, lock_name, FileLock::Mode::exclusive)) {
        out_.locks.push_back(std::move(*lock));
        caches.set_mtime(lock_name, services_.request.now);
        return name;
      }
    }
  }

  /// Made aside and renamed: another step may want the same one at this moment.
  void make_cache(const Dir& caches, const std::string& name, const run_mount::Cache& cache,
                  const PlannedMount& mount) {
    std::string aside = cache_mounts::new_name(name);
    caches.make_dir(aside, 0700);
    try {
      if (mount.input) {
        fill_cache(caches.open_dir(aside), cache, *mount.input);
      } else if (auto kept = find_elsewhere(name)) {
        unpack_cache_mount(services_, *kept, caches.open_dir(aside), activity_, stop_);
        activity_.note(fmt::format("the cache {} begins with what was kept of it", printable(cache.id)));
      }
      caches.set_owner(aside, cache.uid.value_or(0), cache.gid.value_or(0));
      caches.set_mode(aside, cache.mode.value_or(0755));
      caches.rename(aside, caches, name, Dir::Rename::no_replace);
    } catch (const std::exception&) {
      caches.remove_tree(aside);
      if (!caches.find_stat(name)) throw;  // else the other step was faster
    }
  }

  /// What an imported build cache has of it.
  std::optional<Layer> find_elsewhere(const std::string& name) {
    CacheImport* import = services_.tools.cache_import;
    return import ? import->fetch_mount(name, activity_, stop_) : std::nullopt;
  }

  void fill_cache(const Dir& into, const run_mount::Cache& cache, InputId from) {
    TreeInput input(services_, services_.plan.inputs.at(from), files_of(inputs_, from), activity_, stop_);
    CopyItem item = select_subtree(input.tree(), RootedPath::clean(cache.source), stop_);
    std::vector<const TreeView::Node*> wanted;
    for (const TreeView::Node& node : item.nodes) {
      if (node.meta.type == FileType::regular) wanted.push_back(&node);
    }
    input.prepare(wanted);
    write_tree(
        item, [&](const TreeView::Node& node) { return input.open(node); }, into);
  }

  void handle(const run_mount::Tmpfs& tmpfs, const PlannedMount& mount) {
    TmpfsMount out{.target = mount.target};
    if (tmpfs.size_bytes) out.size_bytes = tmpfs.size_bytes;
    out_.mounts.push_back(std::move(out));
  }

  void handle(const run_mount::Secret& secret, const PlannedMount& mount) {
    auto found = services_.request.secrets.find(secret.id);
    if (found == services_.request.secrets.end()) {
      if (!secret.required) return;
      Error missing(ErrorKind::input, fmt::format("secret {}: not found", printable(secret.id)));
      throw missing.set_hint(fmt::format("give it with --secret id={}", printable(secret.id)));
    }
    if (found->second.size() > kMaxSecretBytes) {
      throw_error(ErrorKind::input, "secret {} is longer than {} bytes", printable(secret.id), kMaxSecretBytes);
    }
    if (!secret.env.empty()) out_.env.push_back(secret.env + "=" + found->second);
    if (!secret.target) return;
    out_.mounts.push_back(SecretFile{
        .target = mount.target, .content = found->second, .mode = secret.mode, .uid = secret.uid, .gid = secret.gid});
  }

  void handle(const run_mount::Ssh& ssh, const PlannedMount& mount) {
    auto found = services_.request.ssh_agents.find(ssh.id);
    if (found == services_.request.ssh_agents.end()) {
      if (!ssh.required) return;
      Error missing(ErrorKind::input, fmt::format("ssh {}: not found", printable(ssh.id)));
      throw missing.set_hint(fmt::format("forward an agent with --ssh {}", printable(ssh.id)));
    }
    out_.mounts.push_back(SocketMount{
        .source_fd = found->second.get(), .target = mount.target, .mode = ssh.mode, .uid = ssh.uid, .gid = ssh.gid});
    if (!has_agent_) out_.env.push_back("SSH_AUTH_SOCK=" + mount.target.str());
    has_agent_ = true;
  }

  const std::map<InputId, FileSystem>& inputs_;
  StepServices& services_;
  Activity& activity_;
  const std::stop_token& stop_;
  OpenMounts out_;
  std::map<const PlannedMount*, std::string> cache_names_;
  bool has_agent_ = false;
};

}  // namespace

bool mounts_stacks(const RunStep& run, const std::map<InputId, FileSystem>& inputs) {
  return std::ranges::any_of(run.mounts, [&](const PlannedMount& mount) {
    return mount.input && !files_of(inputs, *mount.input).layers.empty();
  });
}

void add_mounts(Ingredients& key, MountKeys kind, const RunStep& run, const std::map<InputId, FileSystem>& inputs,
                StepServices& services, Activity& activity, const std::stop_token& stop) {
  KeyOfMounts mounts(key, kind, inputs, services, activity, stop);
  for (std::size_t i = 0; i < run.mounts.size(); ++i) mounts.add(run.mounts[i], i);
}

OpenMounts open_mounts(const RunStep& run, const std::map<InputId, FileSystem>& inputs, StepServices& services,
                       Activity& activity, const std::stop_token& stop) {
  Opener opener(inputs, services, activity, stop);
  opener.lock_caches(run.mounts);
  for (const PlannedMount& mount : run.mounts) opener.open(mount);
  return opener.take();
}

}  // namespace imgb
