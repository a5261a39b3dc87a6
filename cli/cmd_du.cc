#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/listing.h"
#include "core/base/text.h"
#include "core/store/disk_usage.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

class Du : public Verb {
 public:
  void describe(Flags& flags) override { flags.text(format_, "format", "FORMAT", "table, json or a template"); }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    Json rows = Json::array();
    std::uint64_t total = 0;
    for (const Usage& usage : disk_usage(env.store())) {
      rows.push_back({{"Type", usage.category},
                      {"Files", usage.files},
                      {"Size", render_size(usage.size_bytes)},
                      {"SizeBytes", usage.size_bytes},
                      {"Disposable", usage.disposable}});
      total += usage.size_bytes;
    }
    env.print(render_listing({{"TYPE", "Type"}, {"FILES", "Files"}, {"SIZE", "Size"}, {"DISPOSABLE", "Disposable"}},
                             rows, format_));
    if (format_.empty() || format_ == "table") env.print_line("total " + render_size(total));
    return 0;
  }

 private:
  std::string format_;
};

}  // namespace

Command du_command() { return {"du", "Show what takes space in the store", make_verb<Du>}; }

}  // namespace imgb
