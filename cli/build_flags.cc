#include "cli/build_flags.h"

#include <algorithm>
#include <filesystem>

#include "builder/csv.h"
#include "cli/flags.h"
#include "cli/host_flags.h"
#include "cli/wiring.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

std::optional<std::string> find_value(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment)
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
      return entry.substr(name.size() + 1);
  return std::nullopt;
}

std::map<std::string, std::string> parse_pairs(const std::vector<std::string>& texts, std::string_view flag) {
  std::map<std::string, std::string> pairs;
  for (const std::string& text : texts) {
    std::size_t equals = text.find('=');
    if (equals == 0) throw_error(ErrorKind::usage, "{} {:?} has no name", flag, printable(text));
    pairs[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return pairs;
}

// A name without a value takes that of the environment, and counts for nothing where there is none. Proxies and
// SOURCE_DATE_EPOCH are passed on unasked (dockerfile.md 2.1, 6.1).
std::map<std::string, std::string> build_args(const BuildFlags& flags, const std::vector<std::string>& environment) {
  std::map<std::string, std::string> args;
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy",
                           "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "SOURCE_DATE_EPOCH"})
    if (auto value = find_value(environment, name); value && !value->empty()) args[name] = *value;
  for (const std::string& text : flags.build_args) {
    std::size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    if (name.empty()) throw_error(ErrorKind::usage, "--build-arg {:?} has no name", printable(text));
    if (equals != std::string::npos)
      args[name] = text.substr(equals + 1);
    else if (auto value = find_value(environment, name))
      args[name] = *value;
  }
  return args;
}

void check_unsupported(const BuildFlags& flags) {
  for (const auto& [name, value] : {std::pair{"provenance", &flags.provenance}, std::pair{"sbom", &flags.sbom}})
    if (*value != "false" && *value != "0" && *value != "disabled=true")
      throw_error(ErrorKind::unsupported, "--{}: imgb writes no attestations", name);
  if (flags.platform && flags.platform->find(',') != std::string::npos)
    throw_error(ErrorKind::unsupported, "--platform takes one platform, not {}", printable(*flags.platform));
}

}  // namespace

void BuildFlags::describe(Flags& flags) {
  flags.list(add_hosts, "add-host", "NAME:ADDRESS", "A line for /etc/hosts of RUN steps");
  flags.list(allow, "allow", "WHAT", "network.host or security.insecure: let RUN ask for it");
  flags.list(annotations, "annotation", "KEY=VALUE", "An annotation of the manifest");
  flags.list(build_args, "build-arg", "NAME[=VALUE]", "A value for ARG");
  flags.list(build_contexts, "build-context", "NAME=SOURCE",
             "A folder, a tar, docker-image://NAME or oci-layout://PATH");
  flags.list(cache_from, "cache-from", "CACHE",
             "A build cache to look into: NAME or type=registry,ref=NAME; type=local,src=FOLDER");
  flags.list(
      cache_to, "cache-to", "CACHE",
      "Where to keep the build cache: type=registry,ref=NAME; type=local,dest=FOLDER; type=inline; with mode=max");
  flags.text(cpus, "cpus", "NUMBER", "Processors that a RUN step may use");
  flags.boolean(explain, "explain", "Say why each step ran: what of its cache key changed");
  flags.text(file, "f,file", "FILE", "The Dockerfile (CONTEXT/Dockerfile); - is standard input").completes =
      Completes::file;
  flags.text(iid_file, "iidfile", "FILE", "Write the image's id to a file").completes = Completes::file;
  flags.number(jobs, "jobs", "NUMBER", "Steps at once");
  flags.list(labels, "label", "KEY=VALUE", "A label of the image");
  flags.boolean(load, "load", "Keep the image in the store, whatever the outputs are");
  flags.text(lock, "lock", "FILE", "Write what the build took from outside, by digest; with --locked, read it")
      .completes = Completes::file;
  flags.boolean(locked, "locked", "Take from outside what the lock file says (imgb.lock beside the Dockerfile)");
  flags.size(memory, "m,memory", "Memory that a RUN step may use");
  flags.text(metadata_file, "metadata-file", "FILE", "Write digests and names as JSON").completes = Completes::file;
  flags.text(network, "network", "NETWORK", "Of RUN steps: default (private), host or none");
  flags.boolean(no_cache, "no-cache", "Run every step anew");
  flags.list(no_cache_filters, "no-cache-filter", "STAGE,...", "Run the steps of these stages anew");
  flags.choice(on_error, "on-error", {"stop", "shell"}, "What to do when a RUN fails");
  flags.list(outputs, "o,output", "OUTPUT",
             "type=image or registry; oci, docker, tar or local with dest=PATH; PATH; or - for a tar");
  flags.text(platform, "platform", "PLATFORM", "Such as linux/arm64; this host's otherwise");
  flags.text(provenance, "provenance", "VALUE", "For scripts: false is all there is").hidden = true;
  flags.boolean(offline, "offline", "Ask nobody: say at once what is not here");
  flags.boolean_or_word(pull, "pull", "Ask the registry for base images; --pull=never asks nobody");
  flags.boolean(push, "push", "Send the image to the registries of its names, and keep it here");
  flags.boolean(quiet, "q,quiet", "Show no progress; print the image's id");
  flags.boolean(remove, "rm", "For scripts: nothing is left anyway").hidden = true;
  flags.text(sbom, "sbom", "VALUE", "For scripts: false is all there is").hidden = true;
  flags.list(secrets, "secret", "id=ID[,src=FILE|,env=NAME]", "A secret for RUN --mount=type=secret");
  flags.choice(isolation, "isolation", {"auto", "namespace", "chroot"},
               "How RUN steps are kept apart from this host; chroot where no namespaces may be made");
  flags.text(security, "security", "KIND", "Of RUN steps: standard (user namespace) or compat (as Docker)");
  flags.size(shm_size, "shm-size", "Size of /dev/shm in RUN steps");
  flags.list(ssh, "ssh", "default|ID[=SOCKET|=KEY,...]", "An agent, or keys, for RUN --mount=type=ssh");
  flags.list(tags, "t,tag", "NAME", "Name of the result").completes = Completes::image;
  flags.text(target, "target", "STAGE", "Build this stage; the last one otherwise");
  flags.list(ulimits, "ulimit", "NAME=SOFT[:HARD]", "A resource limit of RUN steps");
  flags.argument(context, "CONTEXT").completes = Completes::folder;
}

SecretFlag parse_secret_flag(std::string_view text, const std::vector<std::string>& environment) {
  SecretFlag secret;
  std::optional<std::string> file, variable, type;
  for (const std::string& field : split_csv(text)) {
    std::size_t equals = field.find('=');
    if (equals == std::string::npos)
      throw_error(ErrorKind::usage, "--secret {}: {:?} has no value", printable(text), field);
    std::string key = lower_ascii(field.substr(0, equals)), value = field.substr(equals + 1);
    if (key == "id")
      secret.id = value;
    else if (key == "src" || key == "source")
      file = value;
    else if (key == "env")
      variable = value;
    else if (key == "type" && (value == "file" || value == "env"))
      type = value;
    else
      throw_error(ErrorKind::usage, "--secret {}: {:?} is not understood", printable(text), printable(field));
  }
  if (secret.id.empty()) throw_error(ErrorKind::usage, "--secret {} has no id", printable(text));
  if (type == "env" && file && !variable) variable = std::exchange(file, std::nullopt);
  if (file && variable) throw_error(ErrorKind::usage, "--secret {} has a file and a variable", printable(text));
  bool is_variable = variable || (!file && type != "file" && (type == "env" || find_value(environment, secret.id)));
  secret.from = is_variable ? SecretFlag::From::variable : SecretFlag::From::file;
  secret.source = variable ? *variable : file.value_or(secret.id);
  return secret;
}

SshFlag parse_ssh_flag(std::string_view text) {
  std::size_t equals = text.find('=');
  if (text.empty() || equals == 0) throw_error(ErrorKind::usage, "--ssh is default or ID=SOCKET or ID=KEY,...");
  SshFlag flag{std::string(text.substr(0, equals)), {}};
  if (equals == std::string_view::npos) return flag;
  for (std::string_view path : split(text.substr(equals + 1), ','))
    if (!path.empty()) flag.paths.emplace_back(path);
  return flag;
}

std::pair<std::string, std::string> parse_annotation_flag(std::string_view text) {
  std::size_t equals = text.find('=');
  std::string_view key = text.substr(0, equals);
  std::size_t colon = key.find(':');
  std::string_view type = colon == std::string_view::npos ? "" : key.substr(0, colon);
  type = type.substr(0, type.find('['));
  if (type == "index" || type == "index-descriptor" || type == "manifest-descriptor")
    throw_error(ErrorKind::usage, "--annotation {}: the result is one manifest and has no index", printable(text));
  if (type == "manifest") key.remove_prefix(colon + 1);
  if (equals == std::string_view::npos || key.empty())
    throw_error(ErrorKind::usage, "--annotation is KEY=VALUE, not {:?}", printable(text));
  return {std::string(key), std::string(text.substr(equals + 1))};
}

namespace {

std::vector<Reference> parse_tags(const std::vector<std::string>& tags) {
  std::vector<Reference> names;
  for (const std::string& tag : tags) {
    names.push_back(in_context([&] { return "invalid tag " + printable(tag); },
                               [&] { return Reference::parse(tag).with_default_tag(); }));
    if (names.back().digest())
      throw_error(ErrorKind::usage, "invalid tag {}: a name to give cannot have a digest", tag);
  }
  return names;
}

}  // namespace

std::vector<OutputSpec> make_outputs(const BuildFlags& flags) {
  std::vector<OutputSpec> outputs;
  for (const std::string& text : flags.outputs) outputs.push_back(parse_output(text));
  auto is_image = [](const OutputSpec& output) { return output.type == OutputSpec::Type::image; };
  bool has_image = std::ranges::any_of(outputs, is_image);
  if (outputs.empty() || ((flags.push || flags.load) && !has_image)) outputs.emplace_back();
  std::vector<Reference> tags = parse_tags(flags.tags);
  for (OutputSpec& output : outputs) {
    std::vector<Reference> names = tags;
    for (Reference& name : output.names)
      if (std::ranges::count(names, name) == 0) names.push_back(std::move(name));
    output.names = std::move(names);
    if (!is_image(output)) continue;
    output.push |= flags.push;
    output.store |= flags.push || flags.load;
    if (output.push && output.names.empty())
      throw Error(ErrorKind::usage, "a name is needed to push the image").set_hint("give one with -t");
  }
  return outputs;
}

std::string lock_file_of(const BuildFlags& flags) {
  if (flags.lock) return *flags.lock;
  bool from_elsewhere = flags.file == "-" || (!flags.file && flags.context == "-");
  if (from_elsewhere) throw_error(ErrorKind::usage, "--locked: name the lock file with --lock FILE");
  namespace fs = std::filesystem;
  return (flags.file ? fs::path(*flags.file).parent_path() : fs::path(flags.context)) / "imgb.lock";
}

BuildRequest make_build_request(const BuildFlags& flags, const std::vector<std::string>& environment) {
  check_unsupported(flags);
  BuildRequest request;
  request.target = flags.target.value_or("");
  request.build_args = build_args(flags, environment);
  // The older way to say --cache-to type=inline.
  if (auto old = request.build_args.extract("BUILDKIT_INLINE_CACHE"); !old.empty())
    request.inline_cache = old.mapped() == "1" || old.mapped() == "true";
  request.labels = parse_pairs(flags.labels, "--label");
  for (const std::string& text : flags.annotations)
    request.annotations.insert_or_assign(parse_annotation_flag(text).first, parse_annotation_flag(text).second);
  if (flags.platform) request.platform = Platform::parse(*flags.platform);
  request.pull = flags.pull == "false" ? PullPolicy::missing : parse_pull_policy(flags.pull);
  request.no_cache = flags.no_cache;
  for (const std::string& text : flags.no_cache_filters)
    for (std::string_view stage : split(text, ',')) request.no_cache_stages.insert(lower_ascii(stage));
  request.network = parse_network(flags.network);
  request.security = parse_security(flags.security);
  for (const std::string& text : flags.allow) {
    if (text == "network.host")
      request.allow_host_network = true;
    else if (text == "security.insecure")
      request.allow_insecure = true;
    else
      throw_error(ErrorKind::usage, "--allow is network.host or security.insecure, not {:?}", printable(text));
  }
  for (const std::string& text : flags.add_hosts) request.extra_hosts.push_back(resolve_gateway(parse_add_host(text)));
  request.limits.memory_bytes = flags.memory;
  request.limits.shm_bytes = flags.shm_size;
  if (flags.cpus) request.limits.cpus = parse_cpus(*flags.cpus);
  for (const std::string& text : flags.ulimits) request.limits.ulimits.push_back(parse_ulimit(text));
  request.jobs = static_cast<unsigned>(std::min<std::uint64_t>(flags.jobs.value_or(0), 1024));
  request.explain = flags.explain;
  request.offline = flags.offline;
  if (flags.locked && request.pull == PullPolicy::always)
    throw_error(ErrorKind::usage, "--locked takes what the lock file says: --pull has no say in it");
  request.now = now();
  return request;
}

}  // namespace imgb
