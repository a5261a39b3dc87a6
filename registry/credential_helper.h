#pragma once
#include <optional>
#include <string>

#include "registry/auth_file.h"

namespace imgb {

// Docker's protocol of credential helpers: docker-credential-X get, store, erase; secrets go through standard input.
// Only a program in an absolute folder of PATH is started, for 30 s at most (V68). Error(denied), which no registry is
// at fault for, names the helper; what it printed that may hold a secret is not shown.

std::optional<Credential> ask_helper(const AskHelper& ask);  ///< nullopt: it has none.
void store_by_helper(const AskHelper& where, const Credential& credential);
void erase_by_helper(const AskHelper& where);  ///< Absent is fine.

}  // namespace imgb
