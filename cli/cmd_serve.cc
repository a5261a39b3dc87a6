#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>

#include <unistd.h>

#include "cli/access_log.h"
#include "cli/commands.h"
#include "cli/serve_tls.h"
#include "cli/served_catalog.h"
#include "cli/served_files.h"
#include "cli/signals.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/access.h"
#include "registry/server/server.h"
#include "registry/server_store/pull_through.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxAccountsBytes = 16 << 20;

server::Accounts read_accounts(const std::string& file) {
  Fd opened = open_host_file(file);
  return server::Accounts::parse(read_all(opened, kMaxAccountsBytes, file), file);
}

class Serve : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(addresses_, "addr", "HOST:PORT", "Where to listen, 127.0.0.1:5000 otherwise; port 0 is any free one");
    flags.boolean(writable_, "writable", "Take what is pushed, and deletions");
    flags.text(tls_.certificate_file, "tls-cert", "FILE", "Serve by TLS with this certificate (PEM)").completes =
        Completes::file;
    flags.text(tls_.key_file, "tls-key", "FILE", "Its private key (PEM)").completes = Completes::file;
    flags.boolean(tls_.self_signed, "tls-self-signed", "Make a certificate, kept in --tls-cert and --tls-key if given");
    flags.text(htpasswd_, "htpasswd", "FILE", "Users and passwords (bcrypt); read again at SIGHUP").completes =
        Completes::file;
    flags.list(upstreams_, "upstream", "REGISTRY,...", "Bring what is not here from these, and keep it");
    flags.boolean(quiet_, "q,quiet", "No access log");
    flags.argument(path_, "PATH").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    SignalWatch& signals = env.watch_signals({SIGINT, SIGTERM, SIGHUP});
    if (addresses_.empty()) addresses_ = {"127.0.0.1:5000"};
    allow_many_connections();
    Served served = open(env);
    server::Service service(*served.catalog);
    if (served.through) service.set_upstream(*served.through);
    ServedFiles files(env);
    service.set_file_lister([&](const Layer& layer, const server::BlobFile& blob) { return files.list(layer, blob); });
    if (htpasswd_) service.gate().set(read_accounts(*htpasswd_));
    std::optional<AccessLog> log;
    if (!quiet_) log.emplace();
    server::Server http(service, options(env, log));
    std::stop_source stop;
    signals.forward([&](int number) { take_signal(env, service, stop, number); });
    warn(env);
    env.print_line(join(http.addresses(), " "));
    std::stop_callback stop_files(stop.get_token(), [&] { files.stop(); });
    http.run(stop.get_token());
    signals.forward(nullptr);
    return 0;
  }

 private:
  struct Served {
    std::unique_ptr<RegistryAccess> access;  // used by those below, which end before it
    std::unique_ptr<server::Catalog> catalog;
    std::unique_ptr<server::PullThrough> through;
  };
  Served open(CliEnv& env) const {
    std::filesystem::path path = path_ ? std::filesystem::path(*path_) : env.root();
    Served served;
    if (upstreams_.empty()) {
      served.catalog = open_catalog(path, writable_);
      return served;
    }
    auto registries = server::parse_registries(upstreams_);
    auto catalog = open_filling_catalog(path, writable_);
    // A client waits: better to tell it soon that a registry is away.
    served.access = std::make_unique<RegistryAccess>(
        environment_of_process(), env.user(), [&env](std::string text) { env.tell("WARNING: " + text); },
        RetryLimits{.max_attempts = 3, .max_unreachable_attempts = 1});
    served.through = std::make_unique<server::PullThrough>(*catalog, served.access->client,
                                                           server::PullThrough::Options{std::move(registries)});
    served.catalog = std::move(catalog);
    return served;
  }

  server::ServerOptions options(CliEnv& env, std::optional<AccessLog>& log) const {
    server::ServerOptions options{.addresses = addresses_, .tls = serve_tls(tls_, addresses_)};
    if (tls_.self_signed) {
      std::string text = what_clients_need(*options.tls, addresses_);
      for (std::string_view line : split(text, '\n')) env.tell(line);
    }
    options.threads = std::clamp(std::thread::hardware_concurrency(), 2U, 16U);
    if (log) options.log = [&log](const server::LogLine& line) { log->add(line); };
    return options;
  }

  /// The first asks what runs to end, the second does not wait for it.
  void take_signal(CliEnv& env, server::Service& service, std::stop_source& stop, int number) const {
    if (number != SIGHUP) {
      if (!stop.request_stop()) ::_exit(128 + number);
      return;
    }
    try {
      if (htpasswd_) service.gate().set(read_accounts(*htpasswd_));
    } catch (const Error& e) {
      env.tell(fmt::format("the users stay as they were: {}", e.what()));
    }
  }

  void warn(CliEnv& env) const {
    bool everywhere = std::ranges::any_of(addresses_, [](const std::string& address) { return !is_loopback(address); });
    if (!everywhere) return;
    if (writable_ && !htpasswd_)
      env.tell("WARNING: whoever reaches this host may push and delete images: --htpasswd names who may");
    if (htpasswd_ && !tls_.self_signed && !tls_.certificate_file)
      env.tell("WARNING: passwords go over the network in clear: --tls-self-signed, or --tls-cert and --tls-key");
  }

  std::vector<std::string> addresses_, upstreams_;
  bool quiet_ = false, writable_ = false;
  ServeTls tls_;
  std::optional<std::string> path_, htpasswd_;
};

}  // namespace

Command serve_command() { return {"serve", "Serve images as a registry", make_verb<Serve>}; }

}  // namespace imgb
