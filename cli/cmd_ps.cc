#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/container_json.h"
#include "cli/listing.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

class Ps : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(all_, "a,all", "Show containers that ended too");
    flags.list(filters_, "f,filter", "FILTER", "name=, status=, id= or ancestor=");
    flags.text(format_, "format", "FORMAT", "table, json or a template such as {{.Names}}");
    flags.number(last_, "n,last", "NUMBER", "Show that many of the newest, ended or not");
    flags.boolean(latest_, "l,latest", "Show the newest, ended or not");
    flags.boolean(no_trunc_, "no-trunc", "Show whole ids and commands");
    flags.boolean(quiet_, "q,quiet", "Show ids only");
  }

  int run(CliEnv& env) override {
    Json rows = Json::array();
    if (latest_) last_ = 1;
    std::vector<Filter> filters;
    for (const std::string& text : filters_) filters.push_back(parse_filter(text));
    for (const Container& container : list(env.store())) {
      if (last_ && rows.size() >= *last_) break;
      if (passes(container, filters)) rows.push_back(container_row(container, no_trunc_, now()));
    }
    if (quiet_) {
      for (const Json& row : rows) env.print_line(row["ID"].get<std::string>());
      return 0;
    }
    static const std::vector<Column> kColumns{{"CONTAINER ID", "ID"},    {"IMAGE", "Image"},   {"COMMAND", "Command"},
                                              {"CREATED", "RunningFor"}, {"STATUS", "Status"}, {"PORTS", "Ports"},
                                              {"NAMES", "Names"}};
    env.print(render_listing(kColumns, rows, format_));
    return 0;
  }

 private:
  /// Makes no folder: the store may be one that can only be read.
  static std::vector<Container> list(const Store& store) {
    auto folder = store.root().find_dir("containers");
    return folder ? Containers(*std::move(folder)).list() : std::vector<Container>();
  }

  struct Filter {
    std::string key, value;
  };
  static Filter parse_filter(const std::string& text) {
    std::size_t equals = text.find('=');
    if (equals == std::string::npos) throw_error(ErrorKind::usage, "filter {:?} is not KEY=VALUE", printable(text));
    Filter filter{text.substr(0, equals), text.substr(equals + 1)};
    constexpr std::array kKeys = {"name", "id", "ancestor", "status"}, kStates = {"created", "running", "exited", ""};
    if (std::ranges::find(kKeys, filter.key) == kKeys.end())
      throw Error(ErrorKind::usage, fmt::format("invalid filter {:?}", printable(filter.key)))
          .set_hint("there are name, id, ancestor and status");
    if (filter.key == "status" && std::ranges::find(kStates, filter.value) == kStates.end())
      throw Error(ErrorKind::usage, fmt::format("no container is ever {:?}", printable(filter.value)))
          .set_hint("status is created, running or exited");
    return filter;
  }

  bool passes(const Container& container, const std::vector<Filter>& filters) const {
    bool asks_status = false;
    for (const auto& [key, value] : filters) {
      if (key == "name"       ? container.config.name.find(value) == std::string::npos
          : key == "id"       ? !container.config.id.starts_with(value)
          : key == "ancestor" ? container.config.image != value
                              : container_row(container, true, 0)["State"] != value)
        return false;
      asks_status |= key == "status";
    }
    return all_ || last_ || asks_status || container.state.phase == ContainerState::Phase::running;
  }

  bool all_ = false, latest_ = false, no_trunc_ = false, quiet_ = false;
  std::optional<std::uint64_t> last_;
  std::string format_;
  std::vector<std::string> filters_;
};

}  // namespace

Command ps_command() { return {"ps", "List containers", make_verb<Ps>}; }

}  // namespace imgb
