#include <algorithm>
#include <filesystem>
#include <thread>

#include "cli/commands.h"
#include "cli/served_catalog.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"
#include "registry/server/server.h"

namespace imgb {
namespace {

class Serve : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(addresses_, "addr", "HOST:PORT", "Where to listen, 127.0.0.1:5000 otherwise; port 0 is any free one");
    flags.boolean(quiet_, "q,quiet", "No access log");
    flags.argument(path_, "PATH").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    std::stop_token stop = env.stop();
    std::filesystem::path path = path_ ? std::filesystem::path(*path_) : env.root();
    auto catalog = open_catalog(path);
    server::Service service(*catalog);
    server::ServerOptions options{.addresses = addresses_};
    if (options.addresses.empty()) options.addresses = {"127.0.0.1:5000"};
    options.threads = std::clamp(std::thread::hardware_concurrency(), 2U, 16U);
    if (!quiet_)
      options.log = [&env](const server::LogLine& line) {
        env.tell(fmt::format("{} {} {} {} {} {}us", line.peer, line.method, line.target, line.status, line.sent_bytes,
                             line.took.count()));
      };
    server::Server http(service, std::move(options));
    env.print_line(join(http.addresses(), " "));
    http.run(stop);
    return 0;
  }

 private:
  std::vector<std::string> addresses_;
  bool quiet_ = false;
  std::optional<std::string> path_;
};

}  // namespace

Command serve_command() { return {"serve", "Serve images as a registry", make_verb<Serve>}; }

}  // namespace imgb
