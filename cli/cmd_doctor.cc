#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/listing.h"
#include "core/base/text.h"
#include "sandbox/host_features.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(HostFeature::State state) {
  switch (state) {
    case HostFeature::State::yes:
      return "yes";
    case HostFeature::State::degraded:
      return "degraded";
    case HostFeature::State::no:
      return "no";
  }
  return "";
}

class Doctor : public Verb {
 public:
  void describe(Flags& flags) override { flags.text(format_, "format", "FORMAT", "table, json or a template"); }

  int run(CliEnv& env) override {
    Json rows = Json::array();
    bool missing = false;
    for (const HostFeature& feature : find_features(env)) {
      rows.push_back({{"Feature", feature.name},
                      {"State", name_of(feature.state)},
                      {"Detail", feature.detail},
                      {"Remedy", feature.remedy}});
      missing |= feature.state == HostFeature::State::no;
    }
    env.print(render_listing({{"FEATURE", "Feature"}, {"STATE", "State"}, {"FOUND", "Detail"}, {"TO DO", "Remedy"}},
                             rows, format_));
    return missing ? 1 : 0;
  }

 private:
  static std::vector<HostFeature> find_features(CliEnv& env) {
    try {
      enter_user_namespace_if_needed();
    } catch (const Error& e) {
      return {{"isolation", HostFeature::State::no, e.what(), e.hint()}};
    }
    return probe_host(env.store().root());
  }

  std::string format_;
};

}  // namespace

Command doctor_command() {
  return {"doctor", "Tell what this host can do and what to install or set", make_verb<Doctor>};
}

}  // namespace imgb
