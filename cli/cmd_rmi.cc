#include <algorithm>
#include <set>

#include "builder/prune.h"
#include "cli/commands.h"
#include "cli/each_name.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/local_image.h"
#include "sandbox/containers.h"
#include "sandbox/rootless.h"

namespace imgb {
namespace {

/// An entry of index.json, and how the user named it.
struct Found {
  Descriptor image;
  std::optional<std::string> name;  ///< As index.json has it; nullopt: by id.
  std::string id;                   ///< As people know it; the manifest's digest when the image cannot be read.
};

std::string id_of(Store& store, const Descriptor& image) {
  try {
    return read_local_image(store.blobs(), image, Platform::host()).id().str();
  } catch (const Error&) {
    return image.digest.str();  // damaged or incomplete: removing it is what can be done about it
  }
}

std::optional<Found> find_by_name(Store& store, const std::string& typed) {
  auto reference = Reference::find(typed);
  std::string name = reference ? reference->with_default_tag().canonical() : typed;
  auto image = store.images().find_foreign(name);
  if (!image) image = store.images().find_foreign(name = typed);
  return image ? std::optional(Found{*image, name, id_of(store, *image)}) : std::nullopt;
}

std::optional<Found> find_image(Store& store, const std::string& typed) {
  if (auto named = find_by_name(store, typed)) return named;
  for (const NamedImage& image : store.images().list())
    if (image.descriptor.digest.str() == typed) return Found{image.descriptor, {}, id_of(store, image.descriptor)};
  auto image = find_local_image(store, typed, Platform::host());
  if (!image) return std::nullopt;
  std::optional<std::string> name;
  if (!image->names.empty() && typed.find('@') != std::string::npos) name = image->names[0];
  return Found{image->descriptor, name, image->id().str()};
}

class Rmi : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(force_, "f,force", "Also when it has several names or a container uses it; absent ones are no error");
    flags.arguments(images_, "IMAGE", 1).completes = Completes::image;
  }

  int run(CliEnv& env) override {
    enter_user_namespace_if_needed();
    return for_each_name(env, images_, [&](const std::string& typed) { remove(env, typed); });
  }

 private:
  void remove(CliEnv& env, const std::string& typed) const {
    Store& store = env.store();
    auto found = find_image(store, typed);
    if (!found && force_) return;
    if (!found) get_local_image(store, typed, Platform::host());  // says what there is
    std::vector<NamedImage> all = entries_of(store, *found);
    bool last = !found->name || all.size() <= 1;
    if (last) check_unused(store, *found);
    if (found->name) {
      store.images().remove_name(*found->name);
      env.print_line("Untagged: " + familiar_name(*found->name));
      if (!last) return;
    } else {
      if (std::ranges::count_if(all, [](const NamedImage& entry) { return !entry.name.empty(); }) > 1 && !force_)
        throw Error(ErrorKind::denied, "image " + short_id(*found) + " has several names")
            .set_hint("name one, or use --force");
      for (const NamedImage& entry : all) {
        store.images().remove_image(entry.descriptor.digest);
        if (!entry.name.empty()) env.print_line("Untagged: " + familiar_name(entry.name));
      }
    }
    env.print_line("Deleted: " + found->id);
    std::set<Digest> freed = {found->image.digest};
    free_space(env, found->image);
    for (const NamedImage& entry : all)
      if (freed.insert(entry.descriptor.digest).second) free_space(env, entry.descriptor);
  }

  static void free_space(CliEnv& env, const Descriptor& image) {
    try {
      SnapshotStore snapshots(env.store());
      release_image(env.store(), snapshots, image);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::corrupt) throw;
      env.tell(
          fmt::format("WARNING: its layers stay until imgb prune, because another image is damaged: {}", e.what()));
    }
  }

  static std::string short_id(const Found& found) { return found.id.substr(found.id.find(':') + 1, 12); }

  /// Of one manifest, for a name; of all that have the id, for an id: it may be in several compressions.
  static std::vector<NamedImage> entries_of(Store& store, const Found& found) {
    std::vector<NamedImage> entries = store.images().list();
    std::erase_if(entries, [&](const NamedImage& entry) {
      if (entry.descriptor.digest == found.image.digest) return found.name && entry.name.empty();
      return found.name || id_of(store, entry.descriptor) != found.id;
    });
    return entries;
  }

  void check_unused(Store& store, const Found& found) const {
    for (const Container& container : Containers(store.folder("containers")).list()) {
      if (container.config.image_digest != found.image.digest.str()) continue;
      if (!force_ || container.state.phase == ContainerState::Phase::running)
        throw Error(ErrorKind::denied, "image " + short_id(found) + " is used by container " + container.config.name)
            .set_hint("remove the container first");
    }
  }

  bool force_ = false;
  std::vector<std::string> images_;
};

}  // namespace

Command rmi_command() { return {"rmi", "Remove images", make_verb<Rmi>}; }

}  // namespace imgb
