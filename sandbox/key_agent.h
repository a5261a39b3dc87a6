#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/fd.h"
#include "sandbox/ssh_key.h"

namespace imgb {

/// The answer of an agent that holds `keys` to one message (draft-miller-ssh-agent 3 and 4, without the lengths): lists
/// keys, signs, and fails everything else: keys can be neither added, removed nor locked. Pure.
std::string answer_as_agent(std::string_view message, const std::vector<SshKey>& keys);

/// An SSH agent for keys from files (`--ssh ID=KEY`), served by a thread of its own at a socket that no path of the
/// host leads to. Destroyed: it is gone.
class KeyAgent {
 public:
  explicit KeyAgent(std::vector<SshKey> keys);
  KeyAgent(KeyAgent&&) noexcept;
  ~KeyAgent();
  const Fd& socket() const;  ///< O_PATH.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace imgb
