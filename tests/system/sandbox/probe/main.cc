#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/system/sandbox/probe/probe.h"

namespace probe {

void report(const char* name, int error) { std::printf("%s %d\n", name, error); }
int error_of(long result) { return result < 0 ? errno : 0; }

}  // namespace probe

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 4096);
  const char* what = argc > 1 ? argv[1] : "all";
  if (!std::strcmp(what, "calls")) {
    probe::try_every_call();
    return 0;
  }
  if (!std::strcmp(what, "connect")) return probe::print_from_socket(argv[2]);
  if (!std::strcmp(what, "trace")) probe::trace_whatever_comes();
  probe::try_files();
  probe::try_calls();
  probe::try_processes();
  probe::try_network();
  probe::try_terminal();
  return 0;
}
