#include "cli/run_request.h"

#include <algorithm>
#include <filesystem>

#include "cli/files.h"
#include "cli/flags.h"
#include "cli/host_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

constexpr std::string_view kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const std::string* find_variable(const std::vector<std::string>& env, std::string_view name) {
  for (const std::string& entry : env)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') return &entry;
  return nullptr;
}

void unset(std::vector<std::string>& env, std::string_view name) {
  std::erase_if(env, [&](const std::string& entry) { return entry.substr(0, entry.find('=')) == name; });
}

void set(std::vector<std::string>& env, const std::string& entry) {
  std::string_view name = std::string_view(entry).substr(0, entry.find('='));
  for (std::string& known : env)
    if (known.substr(0, known.find('=')) == name) {
      known = entry;
      return;
    }
  env.push_back(entry);
}

// Docker: words after the image replace CMD; --entrypoint replaces ENTRYPOINT and drops CMD.
std::vector<std::string> command_line(const RunFlags& flags, const std::vector<std::string>& command,
                                      const RuntimeConfig& image) {
  std::vector<std::string> argv;
  if (!flags.entrypoint)
    argv = image.entrypoint.value_or(std::vector<std::string>{});
  else if (!flags.entrypoint->empty())
    argv = {*flags.entrypoint};
  const auto& rest = !command.empty() || flags.entrypoint ? command : image.cmd.value_or(std::vector<std::string>{});
  argv.insert(argv.end(), rest.begin(), rest.end());
  if (argv.empty())
    throw Error(ErrorKind::input, "no command: neither the image nor the command line has one")
        .set_hint("name a command after the image");
  return argv;
}

std::vector<std::string> variables(const RunFlags& flags, const RuntimeConfig& image,
                                   const std::vector<std::string>& environment) {
  std::vector<std::string> env;
  for (const std::string& entry : image.env) set(env, entry);
  if (flags.tty && !find_variable(env, "TERM")) env.emplace_back("TERM=xterm");
  add_variables(flags, environment, env);
  if (!find_variable(env, "PATH")) env.emplace(env.begin(), kDefaultPath);
  return env;
}

/// 0 and -1 are Docker's words for no limit.
std::uint64_t parse_pids(const std::string& text) {
  if (text == "0" || text == "-1") return kUnlimited;
  if (auto number = find_unsigned(text)) return *number;
  throw_error(ErrorKind::usage, "--pids-limit is a number, or -1 for none, not {:?}", printable(text));
}

Limits limits_of(const RunFlags& flags) {
  Limits limits;
  limits.memory_bytes = flags.memory;
  limits.shm_bytes = flags.shm_size;
  if (flags.pids) limits.pids = parse_pids(*flags.pids);
  if (flags.cpus) limits.cpus = parse_cpus(*flags.cpus);
  for (const std::string& text : flags.ulimits) limits.ulimits.push_back(parse_ulimit(text));
  return limits;
}

void add_exposed_ports(const RuntimeConfig& image, std::vector<PortForward>& ports) {
  for (const std::string& exposed : image.exposed_ports)
    for (PortForward& port : parse_port_forwards(exposed)) {
      bool given = std::ranges::any_of(ports, [&](const PortForward& known) {
        return known.container_port == port.container_port && known.udp == port.udp;
      });
      if (!given) ports.push_back(std::move(port));
    }
}

/// Each is a volume that ends with the container, unless the user has something else there.
void add_volumes_of_image(const RuntimeConfig& image, std::vector<VolumeRequest>& volumes) {
  for (const std::string& path : image.volumes) {
    RootedPath target = RootedPath::clean(path);
    bool taken = target.is_root() || std::ranges::any_of(volumes, [&](const VolumeRequest& volume) {
                   return RootedPath::clean(volume.target) == target;
                 });
    if (!taken) volumes.push_back({.kind = VolumeRequest::Kind::anonymous, .target = target.str()});
  }
}

}  // namespace

void RunFlags::describe(Flags& flags) {
  flags.list(add_hosts, "add-host", "NAME:ADDRESS", "A line for /etc/hosts");
  flags.list(add_capabilities, "cap-add", "NAME", "Give a capability");
  flags.list(drop_capabilities, "cap-drop", "NAME", "Take a capability, or ALL");
  flags.text(cpus, "cpus", "NUMBER", "Processors it may use");
  flags.list(dns, "dns", "ADDRESS", "A name server");
  flags.text(entrypoint, "entrypoint", "COMMAND", "Instead of the image's entrypoint");
  flags.list(env, "e,env", "NAME[=VALUE]", "Set a variable");
  flags.list(env_files, "env-file", "FILE", "Set variables from a file").completes = Completes::file;
  flags.text(hostname, "h,hostname", "NAME", "Its host name");
  flags.boolean(init, "init", "Reap processes (imgb always does)");
  flags.boolean(interactive, "i,interactive", "Give it standard input");
  flags.size(memory, "m,memory", "Memory it may use");
  flags.list(mounts, "mount", "KEY=VALUE,...", "type=bind,src=PATH,dst=PATH[,ro], type=volume or type=tmpfs");
  flags.text(network, "network", "NETWORK", "default (private), host or none");
  flags.text(pids, "pids-limit", "NUMBER", "Processes it may have; -1: no limit");
  flags.boolean(privileged, "privileged", "All capabilities and devices: no isolation");
  flags.list(ports, "p,publish", "PORTS", "[[ADDRESS:]HOST:]CONTAINER[/udp]: a port of the host that leads into it");
  flags.boolean(publish_all, "P,publish-all", "Publish every port that the image exposes, on free ports of the host");
  flags.boolean(read_only, "read-only", "A root file system that cannot be written");
  flags.choice(isolation, "isolation", {"auto", "namespace", "chroot"},
               "How it is kept apart from this host; chroot where no namespaces may be made");
  flags.text(security, "security", "KIND", "standard (user namespace) or compat (as Docker)");
  flags.list(security_opts, "security-opt", "OPTION", "no-new-privileges");
  flags.size(shm_size, "shm-size", "Size of /dev/shm");
  flags.text(stop_signal, "stop-signal", "SIGNAL", "What imgb stop sends");
  flags.number(stop_timeout, "stop-timeout", "SECONDS", "How long imgb stop waits before it kills");
  flags.list(tmpfs, "tmpfs", "PATH[:OPTIONS]", "A folder in memory");
  flags.boolean(tty, "t,tty", "Give it a terminal");
  flags.list(ulimits, "ulimit", "NAME=SOFT[:HARD]", "A resource limit");
  flags.text(user, "u,user", "NAME|UID[:GROUP|GID]", "Run as");
  flags.list(volumes, "v,volume", "[SOURCE:]PATH[:ro]", "A folder of the host, or a named volume").completes =
      Completes::file;
  flags.text(workdir, "w,workdir", "PATH", "Working folder inside");
}

void add_variables(const RunFlags& flags, const std::vector<std::string>& environment, std::vector<std::string>& env) {
  for (const std::string& file : flags.env_files) {
    constexpr std::uint64_t kMaxEnvFileBytes = 1 << 20;
    for (const std::string& entry : parse_env_file(read_user_file(file, kMaxEnvFileBytes), file, environment))
      set(env, entry);
  }
  for (const std::string& flag : flags.env) apply_env_flag(env, flag, environment);
}

bool has_variable(const std::vector<std::string>& env, std::string_view name) { return find_variable(env, name); }

void apply_env_flag(std::vector<std::string>& env, const std::string& flag,
                    const std::vector<std::string>& environment) {
  if (flag.empty() || flag[0] == '=') throw_error(ErrorKind::usage, "-e needs NAME or NAME=VALUE");
  if (flag.find('=') != std::string::npos) return set(env, flag);
  if (const std::string* entry = find_variable(environment, flag))
    set(env, *entry);
  else
    unset(env, flag);
}

std::vector<std::string> parse_env_file(std::string_view text, std::string_view name,
                                        const std::vector<std::string>& environment) {
  std::vector<std::string> env;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line.remove_prefix(1);
    if (line.empty() || line[0] == '#') continue;
    std::string_view key = line.substr(0, line.find('='));
    if (key.empty() || key.find_first_of(" \t") != std::string_view::npos || line.find('\0') != std::string_view::npos)
      throw_error(ErrorKind::input, "{}:{}: {:?} is no variable", name, number, printable(line));
    apply_env_flag(env, std::string(line), environment);
  }
  return env;
}

RunRequest make_run_request(const RunFlags& flags, const std::vector<std::string>& command, const ImageConfig& image,
                            const std::vector<std::string>& environment) {
  RunRequest request;
  request.argv = command_line(flags, command, image.config);
  request.env = variables(flags, image.config, environment);
  request.cwd = flags.workdir.value_or(image.config.working_dir.empty() ? "/" : image.config.working_dir);
  if (request.cwd.empty() || request.cwd[0] != '/')
    throw_error(ErrorKind::usage, "the working folder {:?} is not an absolute path", printable(request.cwd));
  request.user = flags.user.value_or("").empty() ? image.config.user : *flags.user;
  request.hostname = flags.hostname.value_or("");
  std::string here = std::filesystem::current_path().string();
  for (const std::string& text : flags.volumes) request.volumes.push_back(parse_volume(text, here));
  for (const std::string& text : flags.mounts) request.volumes.push_back(parse_mount_flag(text, here));
  for (const std::string& text : flags.tmpfs) request.volumes.push_back(parse_tmpfs_flag(text));
  add_volumes_of_image(image.config, request.volumes);
  request.isolation = parse_isolation(flags.isolation);
  request.security = flags.privileged ? Security::insecure : parse_security(flags.security);
  request.read_only = flags.read_only;
  request.tty = flags.tty;
  request.interactive = flags.interactive;
  for (const std::string& option : flags.security_opts) {
    if (option != "no-new-privileges" && option != "no-new-privileges=true" && option != "no-new-privileges:true")
      throw_error(ErrorKind::usage, "--security-opt {:?} is not understood", printable(option));
    request.no_new_privileges = true;
  }
  request.add_capabilities = flags.add_capabilities;
  request.drop_capabilities = flags.drop_capabilities;
  request.network = parse_network(flags.network);
  for (const std::string& text : flags.ports)
    for (PortForward& port : parse_port_forwards(text)) request.ports.push_back(std::move(port));
  if (flags.publish_all) add_exposed_ports(image.config, request.ports);
  for (const std::string& text : flags.add_hosts) request.extra_hosts.push_back(resolve_gateway(parse_add_host(text)));
  for (const std::string& address : flags.dns) {
    if (!is_address(address))
      throw_error(ErrorKind::usage, "--dns is the address of a name server, not {:?}", printable(address));
    request.dns.push_back(address);
  }
  request.limits = limits_of(flags);
  return request;
}

}  // namespace imgb
