#include "cli/each_name.h"

#include "cli/errors.h"
#include "cli/terminal.h"

namespace imgb {

int for_each_name(CliEnv& env, const std::vector<std::string>& names,
                  const std::function<void(const std::string&)>& body) {
  std::string failures;
  for (const std::string& name : names) {
    try {
      body(name);
    } catch (const Error& e) {
      if (names.size() == 1 || e.kind() == ErrorKind::cancelled) throw;
      failures += render_failure(e, {.debug = env.globals().debug}).text;
    }
  }
  if (failures.empty()) return 0;
  env.close_screen();
  write_error_text(failures);
  return 1;
}

}  // namespace imgb
