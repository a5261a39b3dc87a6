#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/copy_place.h"
#include "cli/transfer_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/blob_places.h"
#include "core/store/joined_images.h"
#include "core/store/local_image.h"
#include "registry/registry_places.h"

namespace imgb {
namespace {

/// A name alone is the store's image when it has one, else a registry's, as for FROM.
CopyPlace place_of(CliEnv& env, const std::string& typed) {
  CopyPlace place = CopyPlace::parse(typed);
  bool bare = place.kind == CopyPlace::Kind::store && !typed.starts_with("store:");
  if (bare && !find_named_image(env.store(), typed) && !find_local_image(env.store(), typed, Platform::host()))
    place.kind = CopyPlace::Kind::registry;
  return place;
}

struct Annotation {
  std::optional<Platform> platform;  ///< Of this platform's entry; nullopt: of the index.
  std::string key, value;
};

/// "KEY=VALUE", "index:KEY=VALUE" or "manifest-descriptor[PLATFORM]:KEY=VALUE", as docker buildx has it.
Annotation parse_annotation(std::string_view text) {
  Annotation annotation;
  std::string_view rest = text;
  constexpr std::string_view kEntry = "manifest-descriptor[", kIndex = "index:";
  if (rest.starts_with(kIndex)) rest.remove_prefix(kIndex.size());
  if (rest.starts_with(kEntry)) {
    std::size_t end = rest.find("]:");
    if (end == std::string_view::npos) throw_error(ErrorKind::usage, "--annotation {:?} has no ]:", text);
    annotation.platform = Platform::parse(rest.substr(kEntry.size(), end - kEntry.size()));
    rest.remove_prefix(end + 2);
  }
  std::size_t equals = rest.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    throw_error(ErrorKind::usage, "--annotation is KEY=VALUE, not {:?}", printable(text, 256));
  annotation.key = rest.substr(0, equals);
  annotation.value = rest.substr(equals + 1);
  return annotation;
}

class IndexCreate : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.list(platforms_, "platform", "PLATFORM", "Of sources for several platforms only these; may be repeated");
    flags.list(annotations_, "annotation", "KEY=VALUE", "Of the index, or manifest-descriptor[PLATFORM]:KEY=VALUE");
    flags.boolean(push_, "push", "Into the registry that NAME says, instead of the store");
    flags.boolean(referrers_, "referrers", "With what refers to the images");
    flags.boolean(dry_run_, "dry-run", "Print the index and write nothing");
    retry_.describe(flags);
    flags.boolean(quiet_, "q,quiet", "Show no progress");
    flags.argument(name_, "NAME");
    flags.arguments(sources_, "SOURCE", 1).completes = Completes::image;
  }

  int run(CliEnv& env) override {
    if (quiet_) env.set_progress("quiet");
    Reference name = Reference::parse(name_).with_default_tag();
    std::stop_token stop = env.stop();
    RegistryAccess access(
        environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
        retry_.limits());
    JoinedImages joined(name.familiar());
    add_sources(env, access, joined, stop);
    if (dry_run_) {
      env.close_screen();
      env.print_line(joined.get_named(nullptr, stop).bytes);
      return 0;
    }
    std::unique_ptr<ImageWriter> to;
    if (push_)
      to = std::make_unique<RegistryWriter>(access.client, name);
    else
      to = std::make_unique<StoreWriter>(env.store(), name);
    CopyResult made = while_showing(env, "creating index " + name.familiar(), [&](Activity& activity) {
      CopyResult result = copy_image(joined, *to, {.referrers = referrers_}, &activity, stop);
      activity.note(describe_transfer(result, "copied"));
      return result;
    });
    env.close_screen();
    env.print_line(push_ ? fmt::format("{}@{}", name.name(), made.image.digest.str()) : made.image.digest.str());
    return 0;
  }

 private:
  void add_sources(CliEnv& env, RegistryAccess& access, JoinedImages& joined, const std::stop_token& stop) const {
    std::vector<Platform> platforms = parse_platforms(platforms_);
    for (const std::string& source : sources_)
      joined.add(open_reader(env, access, place_of(env, source), platforms), platforms, stop);
    for (const std::string& text : annotations_) {
      Annotation annotation = parse_annotation(text);
      if (annotation.platform)
        joined.annotate(*annotation.platform, annotation.key, annotation.value);
      else
        joined.annotate(annotation.key, annotation.value);
    }
  }

  std::vector<std::string> platforms_, annotations_, sources_;
  bool push_ = false, referrers_ = false, dry_run_ = false, quiet_ = false;
  RetryFlags retry_;
  std::string name_;
};

class IndexInspect : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.boolean(raw_, "raw", "Byte for byte");
    flags.argument(name_, "NAME").completes = Completes::image;
  }

  int run(CliEnv& env) override {
    std::stop_token stop = env.stop();
    RegistryAccess access(environment_of_process(), env.user(),
                          [&env](std::string text) { env.progress().warn(std::move(text)); });
    auto from = open_reader(env, access, place_of(env, name_), {Platform::host()});
    FetchedManifest named = from->get_named(nullptr, stop);
    env.close_screen();
    if (!std::holds_alternative<Index>(named.content))
      throw Error(ErrorKind::input, fmt::format("{} is one image, not an index", name_))
          .set_hint("imgb inspect shows images; imgb inspect --remote those of registries");
    if (raw_)
      env.print(named.bytes);
    else
      env.print_line(nlohmann::json::parse(named.bytes).dump(4, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }

 private:
  bool raw_ = false;
  std::string name_;
};

constexpr Command kVerbs[] = {
    {"create", "Join images for several platforms under one name", make_verb<IndexCreate>},
    {"inspect", "Show an index", make_verb<IndexInspect>},
};

}  // namespace

Command index_command() { return {"index", "Images for several platforms under one name", nullptr, kVerbs}; }

}  // namespace imgb
