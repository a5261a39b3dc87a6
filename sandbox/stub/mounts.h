#pragma once
#include "sandbox/stub/system.h"
#include "sandbox/stub/tree.h"

namespace imgb::stub {

/// Builds the world's tree: reads the mount list of the plan and carries it out, in a mount namespace of our own.
/// `sources` are the descriptors that the plan counts. Afterwards the tree is "/" and nothing of the host is left.
void build_tree(PlanReader& plan, const int* sources, std::size_t source_count, const Control& control);

}  // namespace imgb::stub
