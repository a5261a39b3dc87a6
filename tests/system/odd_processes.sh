#!/bin/bash
# Processes that were started unusually, or that something happens to: no HOME, no /tmp, no /proc, no standard descriptors,
# a store that cannot be written, readers that go away, SIGHUP, SIGSTOP.
source "$(dirname "$0")/lib.sh"
base_image base:1
mkdir "$work/app"
echo data >"$work/app/f"
printf 'FROM base:1\nCOPY f /f\nRUN echo run >/g\n' >"$work/app/Dockerfile"
export SOURCE_DATE_EPOCH=1000000000
want=$(imgb build -q --network none "$work/app")
imgb save -o "$work/base.tar" base:1
build=(build -q --no-cache --network none)

# An environment with nothing in it.
equal "$(env -i SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH "$IMGB" --root "$IMGB_ROOT" "${build[@]}" "$work/app")" "$want" "no environment"
env -i "$IMGB" --root "$IMGB_ROOT" run --rm --network none base:1 true

# Descriptors that are closed do not become files of the store.
for closed in 0 1 2 '0 1' '0 2' '1 2' '0 1 2'; do
  code=0
  python3 - "$closed" "$IMGB" "${build[@]}" -t closed:1 "$work/app" >"$work/out" 2>"$work/err" <<'PY' || code=$?
import os, sys
closed = [int(fd) for fd in sys.argv[1].split()]
for fd in closed: os.close(fd)
os.execv(sys.argv[2], sys.argv[2:])
PY
  if [[ $closed == *1* ]]; then
    equal "$code" 1 "nobody takes the result, descriptors $closed closed"
  else
    equal "$code $(cat "$work/out")" "0 $want" "descriptors $closed closed"
  fi
  equal "$(imgb inspect -f '{{.Id}}' closed:1)" "$want" "the image, descriptors $closed closed"
  imgb rmi closed:1 >/dev/null
done
for closed in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
  code=0
  bash -c "\"\$@\" $closed" - "$IMGB" run --rm --network none base:1 sh -c 'echo x; exit 3' >"$work/out" 2>"$work/err" || code=$?
  # What it writes to a closed standard output may fail before its own end.
  [[ $code == 3 || $closed == *'>&-'* && $closed != '2>&-' ]] || fail "run $closed ends with $code: $(cat "$work/err")"
done

# A reader of the progress that goes away.
{ imgb build --progress plain --no-cache --network none -t gone:1 "$work/app" 2>&1 >/dev/null || echo $? >"$work/code"; } | head -c 1 >/dev/null
[[ ! -e $work/code ]] || fail "a build without a reader of its progress ends with $(cat "$work/code")"
equal "$(imgb inspect -f '{{.Id}}' gone:1)" "$want" "the image, nobody read the progress"
imgb fsck >/dev/null 2>&1

# SIGHUP ends it, and leaves nothing.
mark=86397.$$
printf 'FROM base:1\nRUN sleep %s\n' "$mark" >"$work/app/Slow"
"$IMGB" build --network none -f "$work/app/Slow" "$work/app" >"$work/log" 2>&1 &
pid=$!
background+=("$pid")
started() { pgrep -f "^sleep $mark"; }
wait_until 20 started
kill -HUP "$pid"
code=0
wait "$pid" || code=$?
equal "$code" 129 "a build whose terminal went away"
finds_nothing "the step lives on" pgrep -f "sleep $mark"
equal "$(find "$IMGB_ROOT/snapshots" -maxdepth 1 -name 's-*')" "" "scratch left"

# Stopped and continued, with all it started, at many moments: as if nothing had been.
python3 - "$IMGB" "$want" "${build[@]}" "$work/app" <<'PY'
import os, signal, subprocess, sys, time
imgb, want, *words = sys.argv[1:]
for i in range(8):
    process = subprocess.Popen([imgb, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True)
    for _ in range(3):
        time.sleep(0.005 + 0.007 * i)
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(0.05)
        os.killpg(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.strip() == want, (i, process.returncode, out, err)
PY

((EUID == 0)) || exit 0
# with_mounts SCRIPT ARG...: imgb ARG... on a host whose mounts SCRIPT has changed; $work is /mnt there too.
with_mounts() {
  local change=$1
  shift
  unshare -m bash -ec "mount --rbind '$work' /mnt; $change"'; exec timeout 60 "$@"' - "$IMGB" "$@"
}
# No place for temporary files.
equal "$(with_mounts 'cp "$1" /mnt/imgb; mount -t tmpfs -o ro none /tmp; mount -t tmpfs -o ro none /var/tmp; shift; set -- /mnt/imgb "$@"' \
  --root /mnt/store "${build[@]}" /mnt/app)" "$want" "without /tmp"

# Without /proc nothing can be started: that is said.
for verb in "images" "${build[*]} $work/app" "run --rm base:1 true" "fsck" "prune"; do
  code=0
  # shellcheck disable=SC2086  # words of a command line
  with_mounts 'umount -l /proc' $verb >"$work/out" 2>"$work/err" || code=$?
  [[ $code == 1 || $code == 125 ]] || fail "without /proc $verb ends with $code"
  contains "$(cat "$work/err")" "mount -t proc"
done
imgb fsck >/dev/null 2>&1

# A store that can be read and not written: whole, and its truth alone, as on a disc.
mkdir "$work/disc"
cp -a "$IMGB_ROOT"/{oci-layout,index.json,blobs} "$work/disc"
for store in store disc; do
  ro="mount --bind /mnt/$store /mnt/$store; mount -o remount,bind,ro /mnt/$store"
  for verb in "images -q --no-trunc" "inspect base:1" "history -q --no-trunc base:1" "save base:1" "save --format oci-archive base:1" \
    "ps -q" fsck; do
    # shellcheck disable=SC2086
    want=$(imgb $verb 2>/dev/null | md5sum)
    # shellcheck disable=SC2086
    equal "$(with_mounts "$ro" --root "/mnt/$store" $verb 2>/dev/null | md5sum)" "$want" "$verb on a read-only $store"
  done
  for verb in "${build[*]} /mnt/app" "run --rm base:1 true" "tag base:1 base:2" "rmi base:1" prune "load -i /mnt/base.tar" \
    "import /mnt/base.tar"; do
    code=0
    # shellcheck disable=SC2086
    with_mounts "$ro" --root "/mnt/$store" $verb >"$work/out" 2>"$work/err" || code=$?
    [[ $code == 1 || $code == 125 ]] || fail "$verb ends with $code on a read-only $store"
    contains "$(cat "$work/err")" "Read-only file system"
    contains "$(cat "$work/err")" "--root"
  done
done
imgb fsck >/dev/null 2>&1

# While one reads there, nobody who can write removes anything.
mkfifo "$work/archive"
with_mounts 'mount --bind /mnt/store /mnt/store; mount -o remount,bind,ro /mnt/store' --root /mnt/store \
  save base:1 >"$work/archive" &
exec 8<"$work/archive"
read -rN 1 -u 8
exits_with 124 timeout 1 "$IMGB" prune
cat <&8 >/dev/null
exec 8<&-
wait $!
imgb prune >/dev/null
