#include <unistd.h>

#include "builder/export.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "core/base/error.h"
#include "core/store/local_image.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Export : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(output_, "o,output", "FILE", "Where to (standard output)").completes = Completes::file;
    flags.argument(image_, "IMAGE").completes = Completes::image;
  }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    LocalImage image = get_local_image(env.store(), image_, Platform::host());
    if (output_ == "-" && ::isatty(STDOUT_FILENO) == 1)
      throw Error(ErrorKind::usage, "the archive would go to the terminal").set_hint("redirect it, or use -o FILE");
    SnapshotStore snapshots(env.store());
    OutputFile file(output_);
    write_root_archive(env.store(), snapshots, layers_of(env.store(), image.descriptor), std::nullopt, file,
                       env.stop());
    file.commit();
    return 0;
  }

 private:
  std::string output_ = "-", image_;
};

}  // namespace

Command export_command() { return {"export", "Write an image's root file system as a tar", make_verb<Export>}; }

}  // namespace imgb
