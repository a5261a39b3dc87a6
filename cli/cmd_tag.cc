#include "cli/commands.h"
#include "core/base/error.h"
#include "core/store/local_image.h"
#include "core/store/publish.h"

namespace imgb {
namespace {

class Tag : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.argument(image_, "IMAGE").completes = Completes::image;
    flags.argument(name_, "NAME").completes = Completes::image;
  }

  int run(CliEnv& env) override {
    Reference name = Reference::parse(name_).with_default_tag();
    if (name.digest()) throw_error(ErrorKind::usage, "a new name cannot have a digest");
    // An index keeps all its platforms under the new name.
    std::optional<Descriptor> whole = find_named_image(env.store(), image_);
    if (!whole) whole = get_local_image(env.store(), image_, Platform::host()).descriptor;
    publish(env.store(), *whole, std::span(&name, 1));
    return 0;
  }

 private:
  std::string image_, name_;
};

}  // namespace

Command tag_command() { return {"tag", "Give an image another name", make_verb<Tag>}; }

}  // namespace imgb
