#include "core/base/seccomp_filter.h"

#include <seccomp.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/fd.h"

namespace imgb {
namespace {

void check(int result, const char* what) {
  if (result < 0) throw SystemError(-result, fmt::format("seccomp filter: {}", what));
}

scmp_compare comparison(SeccompFilter::When::Is is) {
  switch (is) {
    case SeccompFilter::When::Is::equal:
      return SCMP_CMP_EQ;
    case SeccompFilter::When::Is::less:
      return SCMP_CMP_LT;
    case SeccompFilter::When::Is::greater:
      return SCMP_CMP_GT;
    case SeccompFilter::When::Is::masked:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

void add_other_architectures(scmp_filter_ctx filter) {
#if defined(__x86_64__)
  for (std::uint32_t arch : {SCMP_ARCH_X86, SCMP_ARCH_X32})
#elif defined(__aarch64__)
  for (std::uint32_t arch : {SCMP_ARCH_ARM})
#else
  for (std::uint32_t arch : std::initializer_list<std::uint32_t>{})
#endif
    check(::seccomp_arch_add(filter, arch), "adding an architecture");
}

}  // namespace

struct SeccompFilter::State {
  State() : filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
    if (!filter) throw_error(ErrorKind::system, "seccomp filter: no memory");
  }
  State(const State&) = delete;
  ~State() { ::seccomp_release(filter); }
  scmp_filter_ctx filter;
};

SeccompFilter::SeccompFilter(Options options) : state_(std::make_unique<State>()) {
  if (options.other_architectures) add_other_architectures(state_->filter);
  if (options.search_tree)
    check(::seccomp_attr_set(state_->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "asking for a search tree");
}
SeccompFilter::~SeccompFilter() = default;

void SeccompFilter::allow(const std::string& call, std::optional<When> when) { add(call, SCMP_ACT_ALLOW, when); }

void SeccompFilter::fail(const std::string& call, int error) {
  add(call, SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), {});
}

void SeccompFilter::add(const std::string& call, std::uint32_t action, std::optional<When> when) {
  int number = ::seccomp_syscall_resolve_name(call.c_str());
  if (number == __NR_SCMP_ERROR) return;  // newer than the library
  scmp_arg_cmp compared{};
  if (when && when->is == When::Is::masked)
    compared = {when->argument, SCMP_CMP_MASKED_EQ, when->mask, when->value};
  else if (when)
    compared = {when->argument, comparison(when->is), when->value, 0};
  int result = ::seccomp_rule_add_array(state_->filter, action, number, when ? 1 : 0, when ? &compared : nullptr);
  // Says what is said of all others, was said before, or is of another architecture.
  if (result == -EACCES || result == -EEXIST || result == -EDOM) return;
  check(result, call.c_str());
}

std::string SeccompFilter::compile() const {
  Fd file = make_memfd("seccomp");
  check(::seccomp_export_bpf(state_->filter, file.get()), "compiling");
  std::string program;
  std::array<std::byte, 4096> part;
  for (std::uint64_t at = 0;;) {
    std::size_t size = read_at(file, part, at, "seccomp filter");
    if (size == 0) return program;
    program.append(reinterpret_cast<const char*>(part.data()), size);
    at += size;
  }
}

void SeccompFilter::load() const { check(::seccomp_load(state_->filter), "loading"); }

}  // namespace imgb
