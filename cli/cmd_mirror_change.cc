#include <algorithm>

#include "cli/cmd_mirror.h"
#include "cli/files.h"
#include "cli/mirror_place.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/mirror_update.h"

namespace imgb {
namespace {

class Rm : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.argument(mirror_, "DIR").completes = Completes::folder;
    flags.arguments(images_, "REF", 1);
  }
  int run(CliEnv& env) override {
    LayoutFolder mirror = LayoutFolder::open(mirror_);
    std::vector<std::string> names;
    for (const std::string& image : images_) names.push_back(Reference::parse(image).with_default_tag().canonical());
    remove_names(mirror, names);
    for (const std::string& name : names) env.print_line(name);
    return 0;
  }

 private:
  std::string mirror_;
  std::vector<std::string> images_;
};

class Prune : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(dry_run_, "dry-run", "Only say what would go");
    flags.argument(mirror_, "DIR").completes = Completes::folder;
  }
  int run(CliEnv& env) override {
    LayoutFolder mirror = LayoutFolder::open(mirror_);
    MirrorGarbage garbage = find_garbage(mirror);
    if (!dry_run_) remove_garbage(mirror, garbage);
    env.print_line(fmt::format("{} {} blobs, {}", dry_run_ ? "would remove" : "removed", garbage.blobs.size(),
                               render_size(garbage.size_bytes)));
    return 0;
  }

 private:
  bool dry_run_ = false;
  std::string mirror_;
};

class Export : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(output_, "o,output", "DIR|FILE.tar", "Where to; - is standard output").completes = Completes::file;
    flags.text(since_, "since", "OLD", "Without what this mirror has, or what `ls --format json` said of it")
        .completes = Completes::file;
    flags.argument(mirror_, "MIRROR").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    if (output_.empty()) throw Error(ErrorKind::usage, "where to?").set_hint("-o FOLDER, or -o FILE.tar");
    std::stop_token stop = env.stop();
    auto mirror = open_mirror(mirror_);
    std::set<Digest> there;
    if (since_) there = read_inventory(*since_);
    while_showing(env, "exporting " + mirror_, [&](Activity& activity) {
      if (is_archive_name(output_) || output_ == "-") {
        OutputFile file(output_);
        write_mirror_archive(*mirror, there, file, &activity, stop);
        file.commit();
      } else {
        LayoutFolder into = LayoutFolder::make(output_);
        if (!into.images().empty()) throw_error(ErrorKind::input, "{} holds images already", output_);
        export_delta(*mirror, there, into, &activity, stop);
      }
      return 0;
    });
    return 0;
  }

 private:
  std::string output_, mirror_;
  std::optional<std::string> since_;
};

class Import : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(exact_, "exact", "Names that the delta does not have go");
    flags.argument(delta_, "DELTA").completes = Completes::file;
    flags.argument(mirror_, "DIR").completes = Completes::folder;
  }

  int run(CliEnv& env) override {
    std::stop_token stop = env.stop();
    auto delta = open_mirror(delta_);
    LayoutFolder mirror = LayoutFolder::make(mirror_);
    ImportResult result = while_showing(env, "importing " + delta_, [&](Activity& activity) {
      return import_delta(*delta, mirror, exact_, &activity, stop);
    });
    env.close_screen();
    env.print_line(fmt::format("{} images, {} new blobs, {}{}", result.images, result.blobs,
                               render_size(result.size_bytes),
                               result.removed > 0 ? fmt::format(", {} names removed", result.removed) : ""));
    return 0;
  }

 private:
  bool exact_ = false;
  std::string delta_, mirror_;
};

}  // namespace

Command mirror_rm_command() { return {"rm", "Take names out of a mirror", make_verb<Rm>}; }
Command mirror_prune_command() { return {"prune", "Remove what no image of a mirror needs", make_verb<Prune>}; }
Command mirror_export_command() { return {"export", "Write a mirror, or what a site lacks of it", make_verb<Export>}; }
Command mirror_import_command() { return {"import", "Bring an exported mirror or delta into one", make_verb<Import>}; }

}  // namespace imgb
