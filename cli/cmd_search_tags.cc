#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/transfer_flags.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "registry/access.h"

namespace imgb {
namespace {

class SearchTags : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.number(limit_, "limit", "N", "At most so many (10000)");
    flags.choice(format_, "format", {"text", "json"}, "One a line, or one document");
    retry_.describe(flags);
    flags.argument(repository_, "REPOSITORY");
  }

  int run(CliEnv& env) override {
    std::string_view typed = repository_;
    if (typed.starts_with("docker://")) typed.remove_prefix(9);
    Reference name = Reference::parse(typed);
    if (name.tag() || name.digest())
      throw_error(ErrorKind::usage, "{} names one image: the tags are those of {}", typed, name.familiar());
    std::stop_token stop = env.stop();
    RegistryAccess access(
        environment_of_process(), env.user(), [&env](std::string text) { env.progress().warn(std::move(text)); },
        retry_.limits());
    std::size_t max = static_cast<std::size_t>(limit_.value_or(kMost));
    RegistryClient::Tags found = access.client.list_tags(name, max, nullptr, stop);
    env.close_screen();
    if (format_ == "json") {
      nlohmann::ordered_json json{{"Repository", name.name()}, {"Tags", found.tags}};
      env.print_line(json.dump(4, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    } else {
      for (const std::string& tag : found.tags) env.print_line(printable(tag, 256));
    }
    if (found.more) env.tell(fmt::format("there are more than these {}: --limit shows more", max));
    return 0;
  }

 private:
  static constexpr std::uint64_t kMost = 10'000;
  std::optional<std::uint64_t> limit_;
  std::string format_ = "text", repository_;
  RetryFlags retry_;
};

}  // namespace

Command search_tags_command() { return {"search-tags", "List a repository's tags", make_verb<SearchTags>}; }

}  // namespace imgb
