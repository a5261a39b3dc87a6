#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace imgb {

/// A list of system calls that a process may make, compiled by libseccomp for the kernel. Calls that no rule fits fail
/// with EPERM. A call that the library or this architecture does not know needs no rule, and is passed over.
/// Errors: system.
class SeccompFilter {
 public:
  struct Options {
    bool other_architectures = false;  ///< The list counts for 32-bit programs of this machine too.
    bool search_tree = false;          ///< Instead of a list, for filters that many calls go through.
  };
  /// A rule counts where the argument of that number is so. Unsigned.
  struct When {
    enum class Is { equal, less, greater, masked } is;
    std::uint64_t value = 0, mask = 0;  ///< masked: (argument & mask) == value
    unsigned argument = 0;
  };
  explicit SeccompFilter(Options options);
  SeccompFilter(const SeccompFilter&) = delete;
  ~SeccompFilter();

  void allow(const std::string& call, std::optional<When> when = {});
  void fail(const std::string& call, int error);

  std::string compile() const;  ///< The program, as the kernel takes it.
  void load() const;            ///< For this thread and its children; sets no_new_privs.

 private:
  void add(const std::string& call, std::uint32_t action, std::optional<When> when);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
