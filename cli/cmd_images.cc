#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder/glob.h"
#include "cli/commands.h"
#include "cli/image_json.h"
#include "cli/listing.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

class Images : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(all_, "a,all", "For scripts of other tools: all images are shown anyway").hidden = true;
    flags.boolean(digests_, "digests", "Show digests of manifests");
    flags.list(filters_, "f,filter", "FILTER", "dangling=true|false, reference=PATTERN or label=KEY[=VALUE]");
    flags.text(format_, "format", "FORMAT", "table, json or a template such as {{.ID}}");
    flags.boolean(no_trunc_, "no-trunc", "Show whole ids");
    flags.boolean(quiet_, "q,quiet", "Show ids only");
    flags.argument(name_, "PATTERN").completes = Completes::image;
  }

  int run(CliEnv& env) override {
    Json rows = Json::array();
    auto broken = [&](const std::string& what) { env.tell("WARNING: cannot read " + what); };
    for (const LocalImage& image : list_local_images(env.store(), Platform::host(), broken)) {
      if (!passes(image)) continue;
      for (Json& row : image_rows(image, {no_trunc_, now()}))
        if (shows(row)) rows.push_back(std::move(row));
    }
    env.print(quiet_ ? ids_of(rows) : render_listing(columns(), rows, format_));
    return 0;
  }

 private:
  std::vector<Column> columns() const {
    std::vector<Column> columns{{"REPOSITORY", "Repository"}, {"TAG", "Tag"}};
    if (digests_) columns.push_back({"DIGEST", "Digest"});
    columns.insert(columns.end(), {{"IMAGE ID", "ID"}, {"CREATED", "CreatedSince"}, {"SIZE", "Size"}});
    return columns;
  }

  static std::string ids_of(const Json& rows) {
    std::vector<std::string> ids;
    for (const Json& row : rows) {
      std::string id = row["ID"];
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
    }
    return ids.empty() ? "" : join(ids, "\n") + "\n";
  }

  /// Patterns choose names, not images.
  bool shows(const Json& row) const {
    std::string repository = row["Repository"], full = repository + ":" + row["Tag"].get<std::string>();
    auto fits = [&](const std::string& pattern) {
      return match_path(pattern, repository).value_or(false) || match_path(pattern, full).value_or(false);
    };
    if (name_ && !fits(*name_)) return false;
    constexpr std::string_view kReference = "reference=";
    return std::ranges::all_of(filters_, [&](const std::string& filter) {
      return !filter.starts_with(kReference) || fits(filter.substr(kReference.size()));
    });
  }

  bool passes(const LocalImage& image) const {
    for (const std::string& filter : filters_) {
      std::size_t equals = filter.find('=');
      std::string key = filter.substr(0, equals);
      std::string value = equals == std::string::npos ? "" : filter.substr(equals + 1);
      if (key == "dangling") {
        if (image.names.empty() != (value == "true" || value == "1")) return false;
      } else if (key == "label") {
        if (!has_label(image, value)) return false;
      } else if (key != "reference") {
        throw Error(ErrorKind::usage, fmt::format("invalid filter {:?}", printable(key)))
            .set_hint("there are dangling, reference and label");
      }
    }
    return true;
  }

  static bool has_label(const LocalImage& image, const std::string& wanted) {
    std::size_t equals = wanted.find('=');
    auto found = image.config.config.labels.find(wanted.substr(0, equals));
    if (found == image.config.config.labels.end()) return false;
    return equals == std::string::npos || found->second == wanted.substr(equals + 1);
  }

  bool all_ = false, digests_ = false, no_trunc_ = false, quiet_ = false;
  std::string format_;
  std::vector<std::string> filters_;
  std::optional<std::string> name_;
};

}  // namespace

Command images_command() { return {"images", "List images", make_verb<Images>}; }

}  // namespace imgb
