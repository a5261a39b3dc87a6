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

# Without a user namespace it is the device cgroup that keeps nodes from being opened. Where there is none to be had, or
# the kernel refuses its rules, there are no nodes.
umount_all='umount_all() { local p; for p in $(awk "$1 {print \$2}" /proc/mounts); do umount "$p"; done; }; umount_all'
no_cgroups='mount -t tmpfs none /sys/fs/cgroup'
no_v1_devices="$umount_all "'"\$3 == \"cgroup\" && \$4 ~ /devices/"'
no_devices="$umount_all "'"\$3 == \"cgroup2\" || \$3 == \"cgroup\" && \$4 ~ /devices/"'
no_rules="$no_v1_devices"'; set -- strace -f -qq -o /dev/null -e trace=bpf -e inject=bpf:error=EPERM "$@"'
mkdir "$work/nodes"
mknod "$work/nodes/tun" c 10 200
use='for node in /t /dev/t; do mknod $node c 10 200; cat $node; done; cat /v/tun; mknod /tmp/null c 1 3'
# holds_devices COMMAND...: what was opened would say "File descriptor in bad state".
holds_devices() {
  exits_with "$1" "${@:2}" sh -c "$use"
  lacks "$(cat "$work/err")" "bad state"
}
compat=(run --rm --network none --security=compat -v "$work/nodes:/v")
holds_devices 0 imgb "${compat[@]}" --tmpfs /tmp base
lacks "$(cat "$work/err")" "WARNING"
holds_devices 0 imgb "${compat[@]}" --tmpfs /tmp -m 64m base
holds_devices 0 with_mounts "$no_v1_devices" "${compat[@]}" --tmpfs /tmp base
lacks "$(cat "$work/err")" "WARNING"
number=0
for change in "$no_cgroups" "$no_devices" "$no_rules"; do
  holds_devices 1 with_mounts "$change" "${compat[@]}" --tmpfs /tmp base
  contains "$(cat "$work/err")" "no control over devices"
  [[ $change != "$no_rules" ]] || continue  # strace would wait for the container
  name=without$((++number))
  with_mounts "$change" run -d --network none --name "$name" --security=compat --tmpfs /tmp base sleep 999 >/dev/null
  exits_with 1 imgb exec "$name" sh -c "$use"
  lacks "$(cat "$work/err")" "bad state"
  imgb rm -f "$name" >/dev/null
done
