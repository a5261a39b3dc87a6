#pragma once
#include "sandbox/stub/site.h"

/// Operations of the mount list (wire.h) that mount something. Each reads its fields.
namespace imgb::stub {

void mount_root(Site& site);  ///< Op::overlay
void mount_tree(Site& site);
void mount_file_system(Site& site);
void attach_source(Site& site);
void move_from_ground(Site& site);

}  // namespace imgb::stub
