#!/bin/bash
# 200 clients pull, 20 push, one is killed each second: only that one notices, and the store is whole and clean afterwards.
source "$(dirname "$0")/lib.sh"
base_image base:1
head -c 3000000 /dev/urandom >"$work/base/large"
printf 'FROM base:1\nCOPY large /large\n' >"$work/base/Dockerfile"
imgb build -q -t crowd/pulled:1 "$work/base" >/dev/null
exec 3< <(exec "$IMGB" serve --writable --addr 127.0.0.1:0 2>"$work/log")
server=$!
background+=("$server")
read -r address <&3

python3 "$(dirname "$0")/serve_crowd.py" "$address" crowd/pulled 1 8 >"$work/crowd.json"
equal "$(jq '.killed > 3 and .pulled > 200 and (.pushed | length) > 20' "$work/crowd.json")" true "$(jq -c 'del(.pushed)' "$work/crowd.json")"
peak=$(awk '/VmHWM/ { print $2 }' "/proc/$server/status")
((peak < 160 * 1024)) || fail "the server took $peak KiB"
kill "$server"
wait "$server"

# What was acknowledged is there, named and whole; what was not has left nothing.
imgb fsck >"$work/fsck"
contains "$(tail -1 "$work/fsck")" "clean"
[[ -z $(ls -A "$IMGB_ROOT/ingest") ]] || fail "left in ingest/: $(ls -A "$IMGB_ROOT/ingest")"
jq -r '.pushed | to_entries[] | "docker.io/\(.key) \(.value)"' "$work/crowd.json" | sort >"$work/want"
jq -r '.manifests[] | "\(.annotations["org.opencontainers.image.ref.name"]) \(.digest)"' "$IMGB_ROOT/index.json" |
  grep docker.io/crowd/app | sort >"$work/got"
[[ -z $(comm -23 "$work/want" "$work/got") ]] || fail "pushed, but not there: $(comm -23 "$work/want" "$work/got" | head -3)"
