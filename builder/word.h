#pragma once
#include <string>

namespace imgb {

/// Text of a Dockerfile in which variables, quotes and escapes still stand. `expand_word` (expand.h) gives its value.
struct Word {
  std::string raw;
  friend auto operator<=>(const Word&, const Word&) = default;
};

}  // namespace imgb
