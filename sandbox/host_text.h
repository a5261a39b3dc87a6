#pragma once
#include <string>

namespace imgb {

/// The text of a small file of the host; "" when there is no such file, or it may not or cannot be read.
std::string host_text(const std::string& path);

}  // namespace imgb
