#pragma once
#include "sandbox/stub/site.h"

/// Operations of the mount list (wire.h) that make something: files and sockets in the base, bound to their places;
/// links and folders where they are wanted. Each reads its fields.
namespace imgb::stub {

void make_file(Site& site);
void make_socket(Site& site);
void make_symlink(Site& site);  ///< In the ground only (/dev): nothing of the image is there.
void make_folder(Site& site);

}  // namespace imgb::stub
