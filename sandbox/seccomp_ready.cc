#include "sandbox/plan.h"
#include "sandbox/seccomp.h"

extern "C" const char imgb_seccomp_begin[], imgb_seccomp_end[];

namespace imgb {

std::string seccomp_filter(std::uint64_t capabilities) {
  if (capabilities == default_capabilities()) return {imgb_seccomp_begin, imgb_seccomp_end};
  return compile_seccomp(capabilities);
}

}  // namespace imgb
