#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/listing.h"
#include "core/base/text.h"
#include "core/store/local_image.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

class ShowHistory : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(format_, "format", "FORMAT", "table, json or a template such as {{.CreatedBy}}");
    flags.boolean(no_trunc_, "no-trunc", "Show whole commands and ids");
    flags.boolean(quiet_, "q,quiet", "Show ids only");
    flags.argument(image_, "IMAGE").completes = Completes::image;
  }

  int run(CliEnv& env) override {
    LocalImage image = get_local_image(env.store(), image_, Platform::host());
    Json rows = rows_of(image);
    if (quiet_) {
      for (const Json& row : rows) env.print_line(row["ID"].get<std::string>());
      return 0;
    }
    static const std::vector<Column> kColumns{{"IMAGE", "ID"},
                                              {"CREATED", "CreatedSince"},
                                              {"CREATED BY", "CreatedBy"},
                                              {"SIZE", "Size"},
                                              {"COMMENT", "Comment"}};
    env.print(render_listing(kColumns, rows, format_));
    return 0;
  }

 private:
  // Newest first. Only the newest has an id: imgb makes no images between steps.
  Json rows_of(const LocalImage& image) const {
    Json rows = Json::array();
    std::size_t layer = 0;
    for (const History& step : image.config.history) {
      std::uint64_t size = 0;
      if (!step.empty_layer && layer < image.manifest.layers.size()) size = image.manifest.layers[layer++].size_bytes;
      rows.insert(rows.begin(), row_of(step, size));
    }
    if (!rows.empty()) rows[0]["ID"] = no_trunc_ ? image.id().str() : image.id().short_hex();
    return rows;
  }

  Json row_of(const History& step, std::uint64_t size) const {
    constexpr std::size_t kShownBytes = 45;
    std::string command = step.created_by;
    if (!no_trunc_ && command.size() > kShownBytes) {
      command.resize(kShownBytes - 3);
      while (!command.empty() && (static_cast<unsigned char>(command.back()) & 0xC0) == 0x80) command.pop_back();
      command += "...";
    }
    return Json{{"ID", "<missing>"},
                {"CreatedAt", step.created ? render_rfc3339(*step.created) : ""},
                {"CreatedSince", step.created ? render_age(now() - *step.created) + " ago" : "N/A"},
                {"CreatedBy", command},
                {"Size", render_size(size)},
                {"Comment", step.comment}};
  }

  std::string format_, image_;
  bool no_trunc_ = false, quiet_ = false;
};

}  // namespace

Command history_command() { return {"history", "Show how an image was made", make_verb<ShowHistory>}; }

}  // namespace imgb
