#include <algorithm>
#include <filesystem>

#include "cli/cmd_mirror.h"
#include "cli/each_name.h"
#include "cli/files.h"
#include "cli/image_list.h"
#include "cli/mirror_place.h"
#include "cli/run_request.h"
#include "cli/transfer_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/store/layout_folder.h"
#include "registry/access.h"
#include "registry/mirror_update.h"
#include "registry/registry_places.h"

namespace imgb {
namespace {

constexpr std::uint64_t kMaxListBytes = 16 * 1024 * 1024;
constexpr unsigned kImagesAtOnce = 3;

/// Mirrors them, several at once, and tells each that is done. Returns the exit code.
int mirror_all(CliEnv& env, LayoutFolder& mirror, const std::vector<MirrorRequest>& requests, const RetryFlags& retry) {
  std::stop_token stop = env.stop();
  RegistryAccess access(
      environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
      retry.limits());
  std::map<std::string, const MirrorRequest*> by_name;
  std::vector<std::string> names;
  for (const MirrorRequest& request : requests)
    if (by_name.emplace(request.name.canonical(), &request).second) names.push_back(request.name.canonical());
  Guarded<std::vector<std::string>> lines;
  auto mirror_one = [&](const std::string& name) {
    const MirrorRequest& request = *by_name.at(name);
    while_showing(env, "mirroring " + request.name.familiar(), [&](Activity& activity) {
      RegistryReader from(access.client, request.name);
      CopyResult result = mirror_image(mirror, request, from, &activity, stop);
      activity.note(describe_transfer(result, "fetched"));
      lines.with([&](auto& all) { all.push_back(name + "@" + result.image.digest.str()); });
      return 0;
    });
  };
  int exit_code = for_each_name(env, names, mirror_one, kImagesAtOnce);
  mirror.change_images(sort_entries);
  env.close_screen();
  lines.with([&](auto& all) {
    std::ranges::sort(all);
    for (const std::string& line : all) env.print_line(line);
  });
  return exit_code;
}

class Create : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(output_, "o,output", "DIR|FILE.tar", "Where the mirror is made, or gone on with").completes =
        Completes::file;
    flags.list(lists_, "from", "FILE", "Images that a list, Dockerfile, compose file or Kubernetes YAML names")
        .completes = Completes::file;
    flags.list(build_args_, "build-arg", "K=V", "For Dockerfiles of --from");
    flags.list(platforms_, "platform", "PLATFORM", "Of images for several platforms only these; may be repeated");
    flags.boolean(referrers_, "referrers", "With what refers to the images: signatures, attestations");
    retry_.describe(flags);
    flags.arguments(images_, "REF", 0);
  }

  int run(CliEnv& env) override {
    if (output_.empty()) throw Error(ErrorKind::usage, "where to?").set_hint("-o FOLDER, or -o FILE.tar");
    std::vector<MirrorRequest> requests = find_requests();
    if (requests.empty()) throw Error(ErrorKind::usage, "which images?").set_hint("name them, or a file with --from");
    const bool archive = is_archive_name(output_);
    // An archive cannot be gone on with: what arrives is kept beside it until it is whole.
    const std::string folder = archive ? output_ + ".parts" : output_;
    LayoutFolder mirror = LayoutFolder::make(folder);
    int exit_code = mirror_all(env, mirror, requests, retry_);
    if (exit_code != 0) {
      env.tell(fmt::format("{} is not complete: the same command goes on with it", output_));
      return exit_code;
    }
    if (archive) {
      write_archive(env, mirror);
      std::filesystem::remove_all(folder);
    }
    return 0;
  }

 private:
  std::vector<MirrorRequest> find_requests() const {
    std::vector<MirrorRequest> requests;
    const std::vector<Platform> platforms = parse_platforms(platforms_);
    auto add = [&](const std::string& name) {
      requests.push_back({Reference::parse(name).with_default_tag(), platforms, referrers_});
    };
    for (const std::string& image : images_) add(image);
    for (const std::string& file : lists_) {
      for (const ListedImage& image : read_image_list(file == "-" ? "standard input" : file,
                                                      read_user_file(file, kMaxListBytes), list_options(file)))
        in_context([&] { return image.where; }, [&] { add(image.name); });
    }
    return requests;
  }

  ListOptions list_options(const std::string& file) const {
    ListOptions options;
    for (const std::string& word : build_args_) {
      std::size_t equals = word.find('=');
      options.build_args[word.substr(0, equals)] =
          equals == std::string::npos ? environment(word.c_str()) : word.substr(equals + 1);
    }
    // As compose does: what the environment does not say, a file ".env" beside the compose file may.
    std::map<std::string, std::string> known = environment_of_process();
    std::filesystem::path beside = std::filesystem::path(file).parent_path() / ".env";
    if (file != "-" && std::filesystem::exists(beside))
      for (const std::string& entry : parse_env_file(read_user_file(beside, kMaxListBytes), beside.string(), {}))
        known.emplace(entry.substr(0, entry.find('=')), entry.substr(entry.find('=') + 1));  // keeps what is there
    options.variable = [known = std::move(known)](const std::string& name) {
      auto at = known.find(name);
      return at == known.end() ? std::nullopt : std::optional(at->second);
    };
    return options;
  }

  void write_archive(CliEnv& env, const LayoutFolder& mirror) const {
    std::stop_token stop = env.stop();
    while_showing(env, "writing " + output_, [&](Activity& activity) {
      OutputFile file(output_);
      write_mirror_archive(mirror, {}, file, &activity, stop);
      file.commit();
      return 0;
    });
  }

  std::string output_;
  std::vector<std::string> lists_, build_args_, platforms_, images_;
  bool referrers_ = false;
  RetryFlags retry_;
};

class Update : public Verb {
 public:
  void describe(Flags& flags) override {
    retry_.describe(flags);
    flags.argument(mirror_, "DIR").completes = Completes::folder;
    flags.arguments(images_, "REF", 0);
  }

  int run(CliEnv& env) override {
    if (is_archive_name(mirror_))
      throw Error(ErrorKind::usage, "an archive cannot be changed")
          .set_hint("keep the mirror as a folder, and make archives of it with `imgb mirror export`");
    LayoutFolder mirror = LayoutFolder::open(mirror_);
    std::vector<MirrorRequest> requests = requests_of(mirror);
    if (!images_.empty()) choose(requests);
    if (requests.empty()) throw_error(ErrorKind::not_found, "{} has no image with a name", mirror_);
    return mirror_all(env, mirror, requests, retry_);
  }

 private:
  void choose(std::vector<MirrorRequest>& requests) const {
    std::vector<std::string> there, wanted;
    for (const MirrorRequest& request : requests) there.push_back(request.name.canonical());
    for (const std::string& image : images_) {
      std::string name = Reference::parse(image).with_default_tag().canonical();
      if (std::ranges::find(there, name) == there.end()) {
        Error error(ErrorKind::not_found, fmt::format("{} has no {}", mirror_, name));
        if (auto near = find_nearest(name, there)) error.set_hint(fmt::format("did you mean {}?", *near));
        throw error;
      }
      wanted.push_back(std::move(name));
    }
    std::erase_if(requests, [&](const MirrorRequest& request) {
      return std::ranges::find(wanted, request.name.canonical()) == wanted.end();
    });
  }

  RetryFlags retry_;
  std::string mirror_;
  std::vector<std::string> images_;
};

}  // namespace

Command mirror_create_command() {
  return {"create", "Bring images from their registries into a mirror", make_verb<Create>};
}
Command mirror_update_command() { return {"update", "Fetch what has changed since", make_verb<Update>}; }

}  // namespace imgb
