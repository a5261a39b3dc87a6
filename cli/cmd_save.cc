#include <unistd.h>

#include <map>

#include "builder/export.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "core/base/error.h"
#include "core/store/local_image.h"

namespace imgb {
namespace {

class Save : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.choice(format_, "format", {"docker-archive", "oci-archive", "oci-dir"},
                 "docker-archive is an OCI layout that old readers know too");
    flags.text(output_, "o,output", "FILE", "Where to (standard output)").completes = Completes::file;
    flags.boolean(quiet_, "q,quiet", "For scripts of other tools").hidden = true;
    flags.arguments(images_, "IMAGE", 1).completes = Completes::image;
  }

  int run(CliEnv& env) override {
    std::vector<ExportedImage> images = find_images(env.store());
    std::stop_token stop = env.stop();
    if (format_ == "oci-dir") {
      if (output_ == "-") throw_error(ErrorKind::usage, "--format oci-dir needs -o FOLDER");
      write_oci_folder(env.store(), images, Dir::make_host(output_, 0755), stop);
      return 0;
    }
    if (output_ == "-" && ::isatty(STDOUT_FILENO) == 1)
      throw Error(ErrorKind::usage, "the archive would go to the terminal").set_hint("redirect it, or use -o FILE");
    OutputFile file(output_);
    if (format_ == "oci-archive")
      write_oci_archive(env.store(), images, file, stop);
    else
      write_docker_archive(env.store(), images, file, stop);
    file.commit();
    return 0;
  }

 private:
  // One image with several names is written once.
  std::vector<ExportedImage> find_images(Store& store) const {
    std::vector<ExportedImage> images;
    std::map<Digest, std::size_t> known;
    for (const std::string& typed : images_) {
      LocalImage image = get_local_image(store, typed, Platform::host());
      auto [at, is_new] = known.try_emplace(image.descriptor.digest, images.size());
      if (is_new) images.push_back({image.descriptor, {}});
      for (const std::string& name : image.names)
        if (auto reference = Reference::find(name)) images[at->second].names.push_back(*std::move(reference));
    }
    return images;
  }

  std::string format_ = "docker-archive", output_ = "-";
  bool quiet_ = false;
  std::vector<std::string> images_;
};

}  // namespace

Command save_command() { return {"save", "Write images to an archive or a folder", make_verb<Save>}; }

}  // namespace imgb
