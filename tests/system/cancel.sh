#!/bin/bash
# A build that hears SIGINT or SIGTERM, or one of whose stages fails, ends within two seconds, whatever its steps do, and
# leaves no process, mount, cgroup or folder behind.
source "$(dirname "$0")/lib.sh"
((EUID == 0)) || skip "as an ordinary user this is in rootless.sh"
base_image base
mark=86399.$$
mkdir "$work/app"

# leaves_nothing PID
leaves_nothing() {
  finds_nothing "processes left" pgrep -af "sleep $mark"
  finds_nothing "mounts left" grep "$work" /proc/mounts
  equal "$(find /sys/fs/cgroup -name "imgb-$1-*" 2>/dev/null)" "" "cgroups left"
  equal "$(find "$IMGB_ROOT/snapshots" -maxdepth 1 -name 's-*')" "" "scratch left"
  equal "$(find "$IMGB_ROOT/ingest" -mindepth 1)" "" "half-written files left"
}
started() { pgrep -f "sleep $mark"; }
now() { date +%s%N; }
# begin_build ARGUMENTS...: in the background; sets $build
begin_build() {
  "$IMGB" build --network none "$@" "$work/app" >"$work/log" 2>&1 &
  build=$!
  background+=("$build")
}
# ends_soon SINCE: $build ends by itself, in two seconds
ends_soon() {
  local code=0
  wait "$build" || code=$?
  local took=$((($(now) - $1) / 1000000))
  ((code != 0)) || fail "the build is done: $(cat "$work/log")"
  ((took < 2000)) || fail "it took $took ms: $(cat "$work/log")"
}

stubborn="trap '' TERM INT HUP; (trap '' TERM; setsid sleep $mark) & setsid sh -c 'trap \"\" TERM; sleep $mark' & sleep $mark; sleep $mark"
for signal in INT TERM; do
  printf 'FROM base\nRUN %s\n' "$stubborn" >"$work/app/Dockerfile"
  begin_build
  wait_until 20 started
  begun=$(now)
  kill -"$signal" "$build"
  ends_soon "$begun"
  leaves_nothing "$build"
done

# one stage fails while the other would never end
printf 'FROM base AS a\nRUN %s\nFROM base AS b\nRUN until [ -e /c/go ]; do sleep 0.05; done; false\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n' \
  "$stubborn" | sed 's|RUN until|RUN --mount=type=cache,id=go,target=/c until|' >"$work/app/Dockerfile"
begin_build
wait_until 20 started
go=$(find "$IMGB_ROOT/cache-mounts" -mindepth 1 -maxdepth 1 -type d | head -1)
begun=$(now)
touch "$go/go"
ends_soon "$begun"
contains "$(cat "$work/log")" "did not complete successfully"
leaves_nothing "$build"

# a step waits for a cache that another build holds
printf 'FROM base\nRUN --mount=type=cache,id=held,target=/c,sharing=locked touch /c/taken; sleep %s\n' "$mark" >"$work/app/Dockerfile"
begin_build
holder=$build
wait_until 20 started
printf 'FROM base\nRUN --mount=type=cache,id=held,target=/c,sharing=locked touch /c/second\n' >"$work/app/Dockerfile"
begin_build --progress plain
waiting() { grep -q 'second' "$work/log" && [[ -e /proc/$build ]] && grep -q snapshots <(ls -l "/proc/$build/fd"); }
wait_until 20 waiting
begun=$(now)
kill -TERM "$build"
ends_soon "$begun"
[[ -z $(find "$IMGB_ROOT/cache-mounts" -name second) ]] || fail "the lock was not waited for"
build=$holder
begun=$(now)
kill -INT "$build"
ends_soon "$begun"
leaves_nothing "$build"
