#include "cli/each_name.h"

#include "cli/errors.h"
#include "cli/terminal.h"
#include "core/base/task.h"
#include "core/base/text.h"

namespace imgb {

int for_each_name(CliEnv& env, const std::vector<std::string>& names,
                  const std::function<void(const std::string&)>& body, unsigned at_once) {
  std::vector<std::string> failures(names.size());
  auto attempt = [&](std::size_t i) {
    try {
      body(names[i]);
    } catch (const Error& e) {
      if (names.size() == 1 || e.kind() == ErrorKind::cancelled) throw;
      failures[i] = render_failure(e, {.debug = env.globals().debug}).text;
    }
  };
  if (at_once == 1) {
    for (std::size_t i = 0; i < names.size(); ++i) attempt(i);
  } else {
    env.progress();  // made by one thread, used by all
    TaskGroup tasks(at_once, env.stop());
    for (std::size_t i = 0; i < names.size(); ++i) tasks.add([&, i] { attempt(i); });
    tasks.join();
  }
  std::string all = join(failures, "");
  if (all.empty()) return 0;
  env.close_screen();
  write_error_text(all);
  return 1;
}

}  // namespace imgb
