#include <nlohmann/json.hpp>

#include "cli/cmd_mirror.h"
#include "cli/listing.h"
#include "cli/mirror_place.h"
#include "core/base/error.h"
#include "core/base/text.h"

namespace imgb {
namespace {

using Json = nlohmann::ordered_json;

std::string platforms_of(const MirroredImage& image) {
  std::vector<std::string> names;
  for (const Platform& platform : image.platforms) names.push_back(platform.str());
  return names.empty() ? "all" : join(names, ",");
}

class Ls : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(format_, "format", "FORMAT", "table, json (with every blob: an inventory for --since) or a template");
    flags.argument(mirror_, "MIRROR").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    Json rows = Json::array();
    for (const MirroredImage& image : read_mirror(*open_mirror(mirror_))) {
      if (image.name.empty() && image.subject) continue;  // comes with what it is about
      Json blobs = Json::array();
      for (const auto& [digest, size] : image.blobs) blobs.push_back(digest.str());
      rows.push_back({{"Name", image.name.empty() ? "<none>" : image.name},
                      {"Digest", image.image.digest.str()},
                      {"Platforms", platforms_of(image)},
                      {"Size", render_size(image.size_bytes())},
                      {"SizeBytes", image.size_bytes()},
                      {"State", image.problems.empty() ? "whole" : "incomplete"},
                      {"Blobs", std::move(blobs)}});
    }
    env.print(render_listing(
        {{"NAME", "Name"}, {"PLATFORMS", "Platforms"}, {"SIZE", "Size"}, {"STATE", "State"}, {"DIGEST", "Digest"}},
        rows, format_));
    return 0;
  }

 private:
  std::string format_, mirror_;
};

class Du : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(format_, "format", "FORMAT", "table, json or a template");
    flags.argument(mirror_, "MIRROR").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    std::vector<MirroredImage> images = read_mirror(*open_mirror(mirror_));
    std::map<Digest, int> users;
    for (const MirroredImage& image : images)
      for (const auto& [digest, size] : image.blobs) ++users[digest];
    Json rows = Json::array();
    for (const MirroredImage& image : images) {
      std::uint64_t alone = 0;
      for (const auto& [digest, size] : image.blobs) alone += users[digest] == 1 ? size : 0;
      rows.push_back({{"Name", image.label()},
                      {"Size", render_size(image.size_bytes())},
                      {"SizeBytes", image.size_bytes()},
                      {"Unique", render_size(alone)},
                      {"UniqueBytes", alone}});
    }
    env.print(render_listing({{"NAME", "Name"}, {"SIZE", "Size"}, {"UNIQUE", "Unique"}}, rows, format_));
    if (!format_.empty() && format_ != "table") return 0;
    std::uint64_t total = 0;
    for (const auto& [digest, size] : blobs_of(images)) total += size;
    env.print_line(fmt::format("total {}: {} blobs of {} images", render_size(total), users.size(), images.size()));
    return 0;
  }

 private:
  std::string format_, mirror_;
};

class Verify : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(closure_, "closure", "Nothing is missing, nothing is wrong: the default, said aloud");
    flags.boolean(quick_, "quick", "Look at sizes alone, read no layers");
    flags.argument(mirror_, "MIRROR").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    std::stop_token stop = env.stop();
    auto mirror = open_mirror(mirror_);
    MirrorReport report = while_showing(env, "verifying " + mirror_, [&](Activity& activity) {
      if (quick_) return summary(read_mirror(*mirror));
      return verify_mirror(
          *mirror, [&](std::uint64_t bytes) { activity.bytes("blobs", bytes, std::nullopt); }, stop);
    });
    env.close_screen();
    for (const std::string& problem : report.problems) env.print_line(printable(problem));
    env.print_line(fmt::format("{} blobs, {} {}: {}", report.blobs, render_size(report.size_bytes),
                               quick_ ? "looked at" : "checked", report.problems.empty() ? "clean" : "damaged"));
    return report.problems.empty() ? 0 : 1;
  }

 private:
  static MirrorReport summary(const std::vector<MirroredImage>& images) {
    MirrorReport report;
    for (const auto& [digest, size] : blobs_of(images)) {
      ++report.blobs;
      report.size_bytes += size;
    }
    for (const MirroredImage& image : images)
      for (const std::string& problem : image.problems) report.problems.push_back(image.label() + ": " + problem);
    return report;
  }

  bool closure_ = false, quick_ = false;
  std::string mirror_;
};

class Diff : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(format_, "format", "FORMAT", "table, json or a template");
    flags.argument(before_, "OLD").completes = Completes::file;
    flags.argument(after_, "NEW").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    MirrorDiff diff = diff_mirrors(read_mirror(*open_mirror(before_)), read_mirror(*open_mirror(after_)));
    Json rows = Json::array();
    for (const MirrorDiff::Change& change : diff.changes) {
      auto text = [](const std::optional<Digest>& digest) { return digest ? digest->str() : ""; };
      rows.push_back({{"Change", !change.before  ? "added"
                                 : !change.after ? "removed"
                                                 : "changed"},
                      {"Name", change.name},
                      {"Before", text(change.before)},
                      {"After", text(change.after)}});
    }
    env.print(render_listing({{"CHANGE", "Change"}, {"NAME", "Name"}, {"BEFORE", "Before"}, {"AFTER", "After"}}, rows,
                             format_));
    if (format_.empty() || format_ == "table")
      env.print_line(fmt::format("{} new blobs, {}", diff.new_blobs.size(), render_size(diff.new_bytes())));
    return 0;
  }

 private:
  std::string format_, before_, after_;
};

}  // namespace

Command mirror_ls_command() { return {"ls", "List the images of a mirror", make_verb<Ls>}; }
Command mirror_du_command() { return {"du", "Show what takes space in a mirror", make_verb<Du>}; }
Command mirror_verify_command() {
  return {"verify", "Check that nothing is missing and every byte is right", make_verb<Verify>};
}
Command mirror_diff_command() { return {"diff", "Show what came between two states of a mirror", make_verb<Diff>}; }

}  // namespace imgb
