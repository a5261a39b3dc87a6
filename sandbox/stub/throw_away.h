#pragma once
#include "sandbox/stub/site.h"

namespace imgb::stub {

/// Op::throw_away: a source that the world may change, without the source being changed. A folder becomes the lower
/// part of an overlay, a file is copied.
void mount_throw_away(Site& site);

}  // namespace imgb::stub
