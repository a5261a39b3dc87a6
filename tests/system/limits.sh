#!/bin/bash
# Limits of memory, processors, processes, files and shared memory hold in RUN steps, in containers and in what is
# executed in them; where there is no cgroup to be had, that is said.
source "$(dirname "$0")/lib.sh"
((EUID == 0)) || skip "only root may make cgroups"
base_image base
big='dd if=/dev/zero of=/dev/null bs=200M count=1'

# memory
exits_with 137 imgb run --rm --network none -m 32m base sh -c "exec $big"
contains "$(cat "$work/err")" "out of memory"
exits_with 0 imgb run --rm --network none -m 400m base sh -c "$big"
mkdir "$work/app"
printf 'FROM base\nRUN %s\n' "$big" >"$work/app/Dockerfile"
exits_with 1 imgb build --network none -m 32m "$work/app"
contains "$(cat "$work/err")" "out of memory"
contains "$(cat "$work/err")" "--memory"
exits_with 0 imgb build --network none -m 400m "$work/app"

# processes, files, shared memory
exits_with 2 imgb run --rm --network none --pids-limit 20 base \
  sh -c 'i=0; while [ $i -lt 50 ]; do sleep 100 & i=$((i+1)); done; echo all started'
contains "$(cat "$work/err")" "fork"
equal "$(imgb run --rm --network none --ulimit nofile=77:99 base sh -c 'ulimit -Sn; ulimit -Hn' | tr '\n' ' ')" "77 99 "
exits_with 1 imgb run --rm --network none --shm-size 1m base dd if=/dev/zero of=/dev/shm/f bs=1M count=2
contains "$(cat "$work/err")" "No space left"
printf 'FROM base\nRUN test $(ulimit -Sn) = 77 && ! dd if=/dev/zero of=/dev/shm/f bs=1M count=2\n' >"$work/app/Dockerfile"
exits_with 0 imgb build --network none --ulimit nofile=77 --shm-size 1m "$work/app"

# processors: the kernel counts how often it held the step back
throttled() {
  local of=$1 file
  for file in $(find /sys/fs/cgroup -path "*/$of/cpu.stat" 2>/dev/null); do
    (($(awk '$1 == "nr_throttled" {print $2}' "$file") > 0)) && return 0
  done
  return 1
}
cgroup_of() { grep -o 'imgb-[0-9-]*' "/proc/$1/cgroup" | sort -u; }
imgb run -d --network none --cpus 0.1 -m 64m --name busy base sh -c 'while :; do :; done' >/dev/null
pid=$(imgb inspect busy | python3 -c 'import json,sys; d = json.load(sys.stdin); print((d[0] if isinstance(d, list) else d)["State"]["Pid"])')
own=$(for one in $(cgroup_of "$pid"); do find /sys/fs/cgroup -path "*/$one/cpu.stat" -printf '%h\n'; done | xargs -n1 basename | sort -u)
[[ -n $own ]] || fail "the container has no cgroup with a cpu controller"
some_throttled() { local one; for one in $own; do throttled "$one" && return 0; done; return 1; }
wait_until 20 some_throttled

# what is executed in a container has its limits
exits_with 137 imgb exec busy sh -c "exec $big"
imgb exec busy sleep 86399.7 &
background+=($!)
wait_until 20 pgrep -f '^sleep 86399.7'
equal "$(cgroup_of "$(pgrep -f '^sleep 86399.7' | head -1)")" "$(cgroup_of "$pid")" "cgroups of what was executed"
imgb rm -f busy >/dev/null

# nothing can be written below /sys/fs/cgroup
without_cgroups() {
  unshare -m bash -c 'for point in $(awk "\$3 ~ /^cgroup/ {print \$2}" /proc/mounts); do mount --bind -o ro "$point" "$point" 2>/dev/null; mount -o remount,bind,ro "$point"; done; "$@"' \
    - timeout 60 "$IMGB" "$@"
}
exits_with 125 without_cgroups run --rm --network none -m 32m base true
contains "$(cat "$work/err")" "cgroup"
exits_with 1 without_cgroups build --network none --no-cache -m 32m "$work/app"
contains "$(cat "$work/err")" "cgroup"
exits_with 0 without_cgroups run --rm --network none base true
