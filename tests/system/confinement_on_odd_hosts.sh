#!/bin/bash
# What confines a step or a container holds where the host lacks something, or is put together unusually; where it
# cannot, that is said.
source "$(dirname "$0")/lib.sh"
((EUID == 0)) || skip "needs root to change what a host looks like"
base_image base
# with_mounts SCRIPT ARG...: imgb ARG... on a host whose mounts SCRIPT has changed.
with_mounts() {
  local change=$1
  shift
  unshare -m bash -ec "$change"'; exec timeout 60 "$@"' - "$IMGB" "$@"
}

# A session keyring that cannot be made: the host's is not used instead.
exits_with 125 timeout 60 strace -f -qq -o /dev/null -e trace=keyctl -e inject=keyctl:error=EDQUOT \
  "$IMGB" run --rm --network none base true
contains "$(cat "$work/err")" "session keyring"
exits_with 0 timeout 60 strace -f -qq -o /dev/null -e trace=keyctl -e inject=keyctl:error=ENOSYS \
  "$IMGB" run --rm --network none base true

# Processors that were taken out leave gaps in the numbers.
gaps='mount -t tmpfs none /sys/devices/system/cpu; cd /sys/devices/system/cpu
  for cpu in cpu1 cpu3; do mkdir -p $cpu/thermal_throttle; echo hot >$cpu/thermal_throttle/count; done; mkdir cpufreq cpu2'
exits_with 0 with_mounts "$gaps" run --rm --network host base find /sys/devices/system/cpu/ -name count
equal "$(cat "$work/out")" "" "what is masked of processors"
