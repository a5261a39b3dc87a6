# Sourced by the tests beside it: a store and a working folder of their own; at the end both are gone, and so is everything
# that was started.
set -Eeuo pipefail
: "${IMGB:?path of the program}" "${SOURCE:?root of the source tree}"
work=$(mktemp -d "${TMPDIR:-/tmp}/imgb-test.XXXXXX")
export IMGB_ROOT=$work/store
export PYTHONPATH=$SOURCE/tests/system
unset BUILDKIT_PROGRESS SOURCE_DATE_EPOCH
background=()

clean_up() {
  local code=$?
  trap - EXIT ERR
  set +e
  local container
  declare -F at_end >/dev/null && at_end  # a test's own part
  for container in $("$IMGB" ps -aq 2>/dev/null); do timeout 30 "$IMGB" rm -f "$container" >/dev/null 2>&1; done
  if ((${#background[@]})); then kill -9 "${background[@]}" 2>/dev/null; wait "${background[@]}" 2>/dev/null; fi
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'echo "FAILED: ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
trap 'exit 1' INT TERM

imgb() { timeout 120 "$IMGB" "$@"; }
fail() { local text="$*"; echo "FAILED: ${text:0:3000}" >&2; exit 1; }
skip() { echo "SKIPPED: $*" >&2; exit 77; }
equal() { [[ "$1" == "$2" ]] || fail "${3:-values differ}: got '$1', want '$2'"; }
contains() { [[ "$1" == *"$2"* ]] || fail "'$2' is not in: $1"; }
lacks() { [[ "$1" != *"$2"* ]] || fail "'$2' is in: $1"; }
# exits_with CODE COMMAND...
exits_with() {
  local want=$1 code=0
  shift
  "$@" >"$work/out" 2>"$work/err" || code=$?
  [[ $code == "$want" ]] || fail "$* exits with $code, not $want: $(cat "$work/out" "$work/err")"
}
# finds_nothing WHAT COMMAND...: a grep or pgrep, which says with 1 that it found nothing, and with anything else but 0 that it
# did not look.
finds_nothing() {
  local what=$1 found code=0
  shift
  found=$("$@") || code=$?
  [[ $code == 1 ]] || fail "$what: $* ends with $code: $found"
}
# wait_until SECONDS COMMAND...
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$* did not come true"
    read -rt 0.1 <> <(:) || (($? > 128))  # the time is over
  done
}

# base_image NAME: busybox and its links, made from nothing, without running anything.
base_image() {
  local folder=$work/base applet
  mkdir -p "$folder/bin"
  cp /bin/busybox "$folder/bin/busybox"
  for applet in $(/bin/busybox --list); do [[ $applet == busybox ]] || ln -s busybox "$folder/bin/$applet"; done
  printf 'FROM scratch\nCOPY bin /bin\nENV PATH=/bin\nCMD ["/bin/sh"]\n' >"$folder/Dockerfile"
  imgb build -q -t "$1" "$folder" >/dev/null
}

# attributes_below FOLDER: the names of all extended attributes in it, one a line.
attributes_below() {
  python3 -c '
import os, sys
for folder, folders, files in os.walk(sys.argv[1]):
    for name in [folder, *(os.path.join(folder, n) for n in folders + files)]:
        print("\n".join(os.listxattr(name, follow_symlinks=False)))' "$1"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# own_address: where this host is reached from elsewhere, or nothing. Sends no packet.
own_address() {
  python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.connect(("192.0.2.1", 9))
    print(s.getsockname()[0])
except OSError as e:
    if e.errno != 101: raise  # ENETUNREACH: no route'
}
# start_registry: Debian's docker-registry on a free port of loopback; sets $registry to HOST:PORT.
start_registry() {
  registry=127.0.0.1:$(free_port)
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$work/registry" "$registry" >"$work/registry.yml"
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  background+=($!)
  wait_until 20 curl -sf "http://$registry/v2/"
}
# publish IMAGE NAME: an image of the store to the registry.
publish() {
  imgb save --format oci-archive -o "$work/publish.tar" "$1"
  skopeo --insecure-policy copy -q --dest-tls-verify=false "oci-archive:$work/publish.tar" "docker://$registry/$2"
  rm "$work/publish.tar"
}
