#include "builder/debug_json.h"
#include "builder/dockerfile_error.h"
#include "builder/expand.h"
#include "builder/glob.h"
#include "builder/ignore.h"
#include "builder/instructions.h"
#include "builder/lower_stage.h"
#include "builder/output_spec.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "tests/fuzz/targets.h"

namespace imgb::fuzz {
namespace {

constexpr std::size_t kMaxPaths = 20;

void lower(const Dockerfile& file) {
  std::map<std::string, std::string> build_args{{"V", "2"}};
  LowerOptions options;
  options.build_args = &build_args;
  options.escape = file.escape;
  options.source = file.source;
  options.input_of = [](std::string_view, bool) -> InputId { return 0; };
  StageStart start{scratch_config(Platform::parse("linux/amd64")), {}, {}};
  for (const Stage& stage : file.stages) {
    try {
      LoweredStage lowered = lower_stage(start, stage, options);
      std::string text = render(lowered.config);
      // What a build writes, the next build must be able to read.
      want(parse_image_config(text).config == lowered.config.config || text.find("\xef\xbf\xbd") != std::string::npos,
           "a config that was written reads back");
    } catch (const DockerfileError& e) {
      render_snippet(e);
    } catch (const Error&) {
    }
  }
}

}  // namespace

void dockerfile(std::string_view bytes) {
  may_refuse([&] { debug_parse("Dockerfile", std::string(bytes)); });
  try {
    lower(parse_dockerfile("Dockerfile", std::string(bytes)));
  } catch (const DockerfileError& e) {
    if (!e.locations().empty()) want(!render_snippet(e).empty(), "an error with lines shows them");
  } catch (const Error&) {
  }
}

void words(std::string_view bytes) {
  Environment env;
  env.set("a", "value");
  env.set("p", "**/*?");
  env.set("empty", "");
  std::string text(bytes);
  for (char escape : {'\\', '`'}) {
    for (bool split_words : {false, true}) {
      may_refuse([&] { debug_expand(text, env.as_list(), escape, split_words); });
    }
  }
  may_refuse([&] { expand_heredoc(text, env); });
}

void ignore_file(std::string_view bytes) {
  std::size_t end = bytes.find('\0');
  std::string_view paths = end == std::string_view::npos ? "a/b/c.txt" : bytes.substr(end + 1);
  may_refuse([&] {
    IgnoreMatcher matcher(parse_ignore_file(bytes.substr(0, end)));
    std::size_t left = kMaxPaths;
    for (std::string_view path : split(paths, '\n')) {
      if (left-- == 0) break;
      matcher.ignores(path);
    }
  });
  may_refuse([&] { debug_match(bytes.substr(0, end), paths); });
}

void flag_values(std::string_view bytes) {
  auto same = [](const Word& word) -> std::string { return expand_word(word, Environment()); };
  may_refuse([&] { resolve_mount(parse_mount_spec(bytes), same); });
  may_refuse([&] {
    ModeChange change = ModeChange::parse(bytes);
    for (std::uint32_t mode : {0u, 0644u, 07777u})
      want(change.apply(mode, true) <= 07777 && change.apply(mode, false) <= 07777, "modes are permission bits");
  });
  may_refuse([&] { parse_output(bytes); });
  may_refuse([&] { parse_trigger(bytes); });
}

}  // namespace imgb::fuzz
