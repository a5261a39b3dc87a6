#include "cli/build_inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "builder/archive_input.h"
#include "builder/parsed_file.h"
#include "cli/env.h"
#include "cli/files.h"
#include "cli/host_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxIgnoreBytes = 16 << 20;
constexpr std::uint64_t kMaxSecretBytes = 500 * 1024;

bool is_remote(std::string_view context) {
  for (std::string_view prefix : {"http://", "https://", "git://", "ssh://", "git@", "github.com/"})
    if (context.starts_with(prefix)) return true;
  return false;
}

bool is_folder(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) throw_error(ErrorKind::not_found, "there is no {}", printable(path));
    throw_errno("{}", path);
  }
  return S_ISDIR(info.st_mode);
}

FolderContext open_context_folder(const std::string& path) {
  FolderContext context{Dir::open_host(path), fs::canonical(path).string(), {}};
  context.ignore = context.dir.find_content(".dockerignore", kMaxIgnoreBytes, Links::in_root).value_or("");
  return context;
}

/// What the user may have meant: a Dockerfile in another spelling, or -f as seen from the context.
std::string dockerfile_hint(const BuildFlags& flags) {
  std::error_code failed;
  if (flags.file) {
    fs::path in_context = fs::path(flags.context) / *flags.file;
    if (fs::is_symlink(*flags.file, failed)) return "it is a link that leads out of its folder, or nowhere";
    if (fs::path(*flags.file).is_relative() && fs::exists(in_context, failed))
      return "-f starts at the current folder: did you mean " + in_context.string() + "?";
    return "-f names a file, seen from the current folder";
  }
  if (fs::is_symlink(fs::path(flags.context) / "Dockerfile", failed))
    return "it is a link that leads out of its folder, or nowhere";
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(flags.context, failed)) {
    std::string name = entry.path().filename().string(), lower = lower_ascii(name);
    if (!lower.ends_with(".dockerignore") &&
        (lower.starts_with("dockerfile") || lower.ends_with(".dockerfile") || lower.starts_with("containerfile")))
      found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) return "name it with -f, or give the folder that holds it";
  return "did you mean -f " + (fs::path(flags.context) / found.front()).string() + "?";
}

Error no_dockerfile(const std::string& name, std::string hint) {
  Error error(ErrorKind::not_found, fmt::format("failed to read dockerfile: there is no {}", name));
  error.set_hint(std::move(hint));
  return error;
}

/// A Dockerfile or its ignore file. The user names the path, but what lies there may come from strangers: within the
/// context, or else within the file's own folder, a link leads nowhere outside, and nothing there is waited for (V40).
/// A pipe or device that lies elsewhere is the user's own ("-f <(...)").
std::optional<std::string> find_build_file(const FolderContext& context, const std::string& context_path,
                                           const std::string& path, std::uint64_t max_bytes) {
  auto plain = [](const std::string& text) { return fs::absolute(text).lexically_normal(); };
  std::string inside = plain(path).lexically_relative(plain(context_path + "/")).string();
  if (!inside.starts_with("..")) return context.dir.find_content(inside, max_bytes, Links::in_root);
  std::error_code failed;
  fs::file_type type = fs::status(path, failed).type();
  if (type == fs::file_type::fifo || type == fs::file_type::character) return read_user_file(path, max_bytes);
  fs::path named = plain(path);
  if (!fs::is_directory(named.parent_path(), failed)) return std::nullopt;
  return Dir::open_host(named.parent_path()).find_content(named.filename().string(), max_bytes, Links::in_root);
}

}  // namespace

void BuildInputs::open(const BuildFlags& flags, BuildRequest& request, std::stop_token stop) {
  stop_ = std::move(stop);
  if (flags.context == "-")
    open_standard_input(flags, request);
  else if (is_remote(flags.context))
    throw_error(ErrorKind::unsupported, "contexts from the network are not supported: {}", printable(flags.context));
  else if (is_folder(flags.context))
    open_folder(flags, request);
  else
    open_archive(flags, open_user_file(flags.context)->fd(), flags.context, request);
  for (const std::string& text : flags.build_contexts) {
    std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw_error(ErrorKind::usage, "--build-context is NAME=SOURCE, not {:?}", printable(text));
    std::string name = text.substr(0, equals);
    request.named_contexts.insert_or_assign(name, open_named(name, text.substr(equals + 1)));
  }
  open_secrets(flags, request);
  open_agents(flags, request);
}

void BuildInputs::open_standard_input(const BuildFlags& flags, BuildRequest& request) {
  if (flags.file == "-") throw_error(ErrorKind::usage, "context and Dockerfile cannot both be standard input");
  // Only a file can be read from its start again; what comes through a pipe is kept in one without a name.
  auto in = open_user_file("-");
  StringSink start;
  std::vector<std::byte> buffer(kStreamBufferBytes);
  constexpr std::size_t kSniffBytes = 1024;
  std::size_t got = 1;
  while (start.text().size() < kSniffBytes && got > 0) {
    got = in->read(buffer);
    start.write(std::span<const std::byte>(buffer).first(got));
  }
  if (!looks_like_archive(start.text())) {
    if (flags.file) throw_error(ErrorKind::input, "standard input is no archive that could hold {}", *flags.file);
    request.context = EmptyContext{};
    request.dockerfile_text = start.take() + read_all(*in, kMaxDockerfileBytes, "the Dockerfile on standard input");
    return;
  }
  Fd spool = store_.folder("ingest").open_spool(O_RDWR, 0600);
  FdSink spooled(spool.duplicate(), "the context on standard input");
  spooled.write(as_bytes(start.text()));
  copy(*in, spooled);
  if (::lseek(spool.get(), 0, SEEK_SET) != 0) throw_errno("the context on standard input");
  open_archive(flags, spool, "standard input", request);
}

void BuildInputs::open_archive(const BuildFlags& flags, const Fd& archive, const std::string& what,
                               BuildRequest& request) {
  ArchiveContext context = open_archive_context(store_, archive, what, stop_);
  request.context = context;
  auto find = [&](const std::string& path, std::uint64_t max_bytes) {
    return find_context_file(store_, request.context, path, max_bytes, stop_);
  };
  std::string name = flags.file.value_or("Dockerfile");
  if (name == "-") {
    request.dockerfile_text = read_user_file("-", kMaxDockerfileBytes);
  } else {
    auto text = find(name, kMaxDockerfileBytes);
    if (!text && !flags.file) text = find("dockerfile", kMaxDockerfileBytes);
    if (!text) throw no_dockerfile(name + " in " + what, "name the one in the archive with -f");
    request.dockerfile_text = std::move(*text);
    request.dockerfile_name = name;
  }
  auto ignore = find(name + ".dockerignore", kMaxIgnoreBytes);
  if (!ignore) ignore = find(".dockerignore", kMaxIgnoreBytes);
  std::get<ArchiveContext>(request.context).ignore = ignore.value_or("");
}

void BuildInputs::open_folder(const BuildFlags& flags, BuildRequest& request) {
  FolderContext context = open_context_folder(flags.context);
  std::string path = flags.file.value_or((fs::path(flags.context) / "Dockerfile").string());
  if (path == "-") {
    request.dockerfile_text = read_user_file("-", kMaxDockerfileBytes);
  } else {
    auto find = [&](const std::string& file, std::uint64_t max_bytes) {
      return find_build_file(context, flags.context, file, max_bytes);
    };
    auto text = find(path, kMaxDockerfileBytes);
    if (!text && !flags.file) text = find((fs::path(flags.context) / "dockerfile").string(), kMaxDockerfileBytes);
    if (!text) throw no_dockerfile(path, dockerfile_hint(flags));
    request.dockerfile_text = std::move(*text);
    request.dockerfile_name = flags.file ? fs::path(path).lexically_normal().string() : "Dockerfile";
    if (auto own = find(path + ".dockerignore", kMaxIgnoreBytes)) context.ignore = std::move(*own);
  }
  request.context = std::move(context);
}

NamedContext BuildInputs::open_named(const std::string& name, const std::string& source) {
  constexpr std::string_view kImage = "docker-image://", kLayout = "oci-layout://";
  if (source.starts_with(kImage)) return ImageContext{Reference::parse(source.substr(kImage.size())), nullptr};
  if (source.starts_with(kLayout)) return open_layout(source.substr(kLayout.size()));
  if (is_remote(source) || source.find("://") != std::string::npos)
    throw_error(ErrorKind::unsupported, "unsupported context source {} for {}", printable(source), printable(name));
  if (is_folder(source)) return open_context_folder(source);
  return open_archive_context(store_, open_user_file(source)->fd(), source, stop_);
}

// "PATH", "PATH:tag" or "PATH@sha256:..."
NamedContext BuildInputs::open_layout(const std::string& source) {
  std::string path = source;
  Reference name = Reference::parse("oci-layout");
  std::size_t at = path.rfind('@'), colon = path.rfind(':'), slash = path.rfind('/');
  if (at != std::string::npos) {
    name = name.with_digest(Digest::parse(path.substr(at + 1)));
    path.resize(at);
  } else if (colon != std::string::npos && (slash == std::string::npos || colon > slash)) {
    name = name.with_tag(path.substr(colon + 1));
    path.resize(colon);
  }
  layouts_.push_back(std::make_unique<Layout>(store_, snapshots_, Dir::open_host(path)));
  return ImageContext{name, &layouts_.back()->source};
}

void BuildInputs::open_secrets(const BuildFlags& flags, BuildRequest& request) {
  for (const std::string& text : flags.secrets) {
    SecretFlag secret = parse_secret_flag(text, environment_list());
    std::string content;
    if (secret.from == SecretFlag::From::variable)
      content = environment(secret.source.c_str());
    else
      content = in_context([&] { return "secret " + secret.id; },
                           [&] { return read_user_file(secret.source, kMaxSecretBytes); });
    request.secrets.insert_or_assign(secret.id, std::move(content));
  }
}

void BuildInputs::open_agents(const BuildFlags& flags, BuildRequest& request) {
  for (const std::string& text : flags.ssh) {
    SshFlag agent = parse_ssh_flag(text);
    if (agent.paths.empty()) agent.paths.push_back(environment("SSH_AUTH_SOCK"));
    if (agent.paths[0].empty())
      throw Error(ErrorKind::input, fmt::format("--ssh {}: SSH_AUTH_SOCK is not set", printable(text)))
          .set_hint("start ssh-agent and add your key with ssh-add, or name the key: --ssh " + agent.id + "=FILE");
    Fd socket(::open(agent.paths[0].c_str(), O_PATH | O_CLOEXEC));
    struct stat info {};
    if (!socket || ::fstat(socket.get(), &info) != 0) throw_errno("--ssh {}", text);
    if (!S_ISSOCK(info.st_mode)) socket = serve_keys(agent);
    request.ssh_agents.insert_or_assign(agent.id, std::move(socket));
  }
}

Fd BuildInputs::serve_keys(const SshFlag& flag) {
  constexpr std::uint64_t kMaxKeyBytes = 100 * 1024;
  std::vector<SshKey> keys;
  for (const std::string& path : flag.paths) keys.push_back(SshKey::parse(read_user_file(path, kMaxKeyBytes), path));
  agents_.emplace_back(std::move(keys));
  return agents_.back().socket().duplicate();
}

}  // namespace imgb
