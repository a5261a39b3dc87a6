#pragma once
#include "sandbox/stub/site.h"

/// Operations of the mount list (wire.h) that lay something over a place that is there: what is to be hidden gets an
/// empty folder or the null device, what is to be read only itself. A place that is missing needs none.
namespace imgb::stub {

void mask(Site& site);
void mask_each(Site& site);
void make_read_only(Site& site);

}  // namespace imgb::stub
