#pragma once
#include "sandbox/stub/site.h"

namespace imgb::stub {

/// Builds the world's tree in a mount namespace of our own, in two parts: reads a mount list and carries it out.
/// `sources` are the descriptors that the list counts.
Ground build_ground(PlanReader& plan, const int* sources, std::size_t source_count, const Control& control);
/// Afterwards the tree is "/" and nothing of the host is left.
void build_tree(const Ground& ground, PlanReader& plan, const int* sources, std::size_t source_count,
                const Control& control);

}  // namespace imgb::stub
