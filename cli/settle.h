#pragma once
#include <span>
#include <string>

#include "layerfs/snapshot_store.h"

namespace imgb {

/// Unpacked layers are not synced when they are made, and so are made again after a reboot; a process of its own, which
/// the user does not wait for and which yields the disk to everybody else, syncs them and notes that. Starts it when
/// `snapshots` made any. It ends by itself; what it does not come to is done after the next command that unpacks.
void settle_in_background(const Dir& root, const SnapshotStore& snapshots);

inline constexpr const char* kSettleCommand = "__settle";
int run_settle(std::span<const std::string> words);  ///< The hidden command: the store's folder is descriptor 3.

}  // namespace imgb
