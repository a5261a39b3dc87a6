#include "builder/named_images.h"

#include <set>

#include "builder/dockerfile_error.h"
#include "builder/global_scope.h"
#include "builder/stage_names.h"
#include "core/base/text.h"

namespace imgb {
namespace {

class Uses {
 public:
  void add(const std::string& name, LineRange lines) {
    if (name == "scratch" || !seen_.insert(name).second) return;
    found.push_back({name, lines});
  }
  std::vector<NamedImageUse> found;

 private:
  std::set<std::string> seen_;
};

}  // namespace

std::vector<NamedImageUse> images_named_in(const Dockerfile& file,
                                           const std::map<std::string, std::string>& build_args) {
  const Environment global = global_scope(file, build_args, Platform::host(), Platform::host(), "");
  const StageNames stages(file);
  Uses uses;
  for (std::size_t i = 0; i < file.stages.size(); ++i) {
    std::string base = base_name(file, i, global);
    if (!stages.find(base, i)) uses.add(base, file.stages[i].lines);
    for (const Instruction& instruction : file.stages[i].instructions) {
      bool is_copy = std::holds_alternative<Copy>(instruction.what);
      for (std::string_view from : froms_of(instruction)) {
        if (from.empty()) continue;
        auto stage = at_lines(file.source, instruction.lines, [&] { return stages.find_from(from, i, is_copy); });
        if (!stage) uses.add(std::string(from), instruction.lines);
      }
    }
  }
  return std::move(uses.found);
}

}  // namespace imgb
