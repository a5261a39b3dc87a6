#include "cli/commands.h"
#include "core/base/error.h"
#include "core/store/local_image.h"
#include "sandbox/containers.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

class Rmi : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(force_, "f,force", "Also when it has several names or a container uses it; absent ones are no error");
    flags.arguments(images_, "IMAGE", 1).completes = Completes::image;
  }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    for (const std::string& typed : images_) remove(env, typed);
    return 0;
  }

 private:
  void remove(CliEnv& env, const std::string& typed) const {
    Store& store = env.store();
    auto found = find_local_image(store, typed, Platform::host());
    if (!found && force_) return;
    LocalImage image = found ? std::move(*found) : get_local_image(store, typed, Platform::host());
    std::vector<Reference> names = names_of(store, image.descriptor.digest);
    bool by_name = !image.names.empty();
    bool last = !by_name || names.size() <= 1;
    if (last) check_unused(store, image);
    if (by_name) {
      Reference name = Reference::parse(image.names[0]);
      store.images().remove_name(name);
      env.print_line("Untagged: " + name.familiar());
    } else {
      if (names.size() > 1 && !force_)
        throw Error(ErrorKind::denied, "image " + image.id().short_hex() + " has several names")
            .set_hint("name one, or use --force");
      store.images().remove_image(image.descriptor.digest);
      for (const Reference& name : names) env.print_line("Untagged: " + name.familiar());
    }
    if (last) env.print_line("Deleted: " + image.id().str());
  }

  static std::vector<Reference> names_of(Store& store, const Digest& manifest) {
    std::vector<Reference> names;
    for (const NamedImage& image : store.images().list())
      if (image.descriptor.digest == manifest && !image.name.empty()) names.push_back(Reference::parse(image.name));
    return names;
  }

  void check_unused(Store& store, const LocalImage& image) const {
    for (const Container& container : Containers(store.folder("containers")).list()) {
      if (container.config.image_digest != image.descriptor.digest.str()) continue;
      if (!force_ || container.state.phase == ContainerState::Phase::running)
        throw Error(ErrorKind::denied,
                    "image " + image.id().short_hex() + " is used by container " + container.config.name)
            .set_hint("remove the container first");
    }
  }

  bool force_ = false;
  std::vector<std::string> images_;
};

}  // namespace

Command rmi_command() { return {"rmi", "Remove images", make_verb<Rmi>}; }

}  // namespace imgb
