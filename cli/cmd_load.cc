#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/load_images.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/publish.h"

namespace imgb {
namespace {

class Load : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(input_, "i,input", "FILE", "Archive or folder (standard input)").completes = Completes::file;
    flags.boolean(quiet_, "q,quiet", "Show no progress");
    flags.argument(file_, "FILE").completes = Completes::file;
  }

  int run(CliEnv& env) override {
    if (quiet_) env.set_progress("quiet");
    std::string input = file_ ? *file_ : input_;
    std::stop_token stop = env.stop();
    auto images = while_showing(env, "loading " + (input == "-" ? "standard input" : input), [&](Activity&) {
      std::vector<LoadedImage> loaded = read_images(env.store(), input, stop);
      for (const LoadedImage& image : loaded) publish(env.store(), image.image, image.names);
      return loaded;
    });
    env.close_screen();
    for (const LoadedImage& image : images) {
      for (const Reference& name : image.names) env.print_line("Loaded image: " + name.familiar());
      if (image.names.empty()) env.print_line("Loaded image ID: " + image.image.digest.str());
    }
    return 0;
  }

 private:
  static std::vector<LoadedImage> read_images(Store& store, const std::string& input, const std::stop_token& stop) {
    struct stat info {};
    if (input != "-" && ::stat(input.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      return load_folder(store, Dir::open_host(input), stop);
    if (input == "-" && ::isatty(STDIN_FILENO) == 1)
      throw Error(ErrorKind::usage, "there is no archive on standard input").set_hint("redirect it, or use -i FILE");
    return load_archive(store, open_seekable(store, input), input == "-" ? "standard input" : input, stop);
  }

  std::string input_ = "-";
  std::optional<std::string> file_;
  bool quiet_ = false;
};

}  // namespace

Command load_command() { return {"load", "Read images from an archive or a folder", make_verb<Load>}; }

}  // namespace imgb
