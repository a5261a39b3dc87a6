#include <filesystem>

#include "builder/debug_json.h"
#include "builder/parsed_file.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "core/base/error.h"

namespace imgb {
namespace {

class Parse : public Verb {
 public:
  void describe(Flags& flags) override { flags.argument(file_, "FILE").completes = Completes::file; }
  int run(CliEnv& env) override {
    std::string name = file_ == "-" ? "Dockerfile" : std::filesystem::path(file_).filename().string();
    env.print_line(debug_parse(name, read_user_file(file_, kMaxDockerfileBytes)));
    return 0;
  }

 private:
  std::string file_;
};

class Expand : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(escape_, "escape", "CHARACTER", "The escape character");
    flags.list(env_, "env", "K=V", "A variable");
    flags.boolean(words_, "words", "Split into words, as EXPOSE does");
    flags.argument(word_, "WORD");
  }
  int run(CliEnv& env) override {
    if (escape_ != "\\" && escape_ != "`") throw_error(ErrorKind::usage, "--escape is \\ or `");
    env.print_line(debug_expand(word_, env_, escape_[0], words_));
    return 0;
  }

 private:
  std::string escape_ = "\\", word_;
  std::vector<std::string> env_;
  bool words_ = false;
};

class Ignore : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.text(file_, "file", "FILE", "The ignore file").completes = Completes::file;
    flags.arguments(paths_, "PATH", 1);
  }
  int run(CliEnv& env) override {
    env.print_line(debug_ignore(read_user_file(file_, kMaxDockerfileBytes), paths_));
    return 0;
  }

 private:
  std::string file_ = ".dockerignore";
  std::vector<std::string> paths_;
};

class Match : public Verb {
 public:
  void describe(Flags& flags) override {
    flags.argument(pattern_, "PATTERN");
    flags.argument(path_, "PATH");
  }
  int run(CliEnv& env) override {
    env.print_line(debug_match(pattern_, path_));
    return 0;
  }

 private:
  std::string pattern_, path_;
};

class ShowReference : public Verb {
 public:
  void describe(Flags& flags) override { flags.argument(name_, "NAME"); }
  int run(CliEnv& env) override {
    env.print_line(debug_reference(name_));
    return 0;
  }

 private:
  std::string name_;
};

constexpr Command kVerbs[] = {
    {"parse", "Show how a Dockerfile is read, as JSON", make_verb<Parse>},
    {"expand", "Expand the variables of a word", make_verb<Expand>},
    {"ignore", "Show which paths an ignore file ignores", make_verb<Ignore>},
    {"match", "Show whether a pattern of COPY matches a path", make_verb<Match>},
    {"reference", "Show the parts of an image name", make_verb<ShowReference>},
};

}  // namespace

Command debug_command() { return {"debug", "Look into the pure parts of imgb", nullptr, kVerbs}; }

}  // namespace imgb
