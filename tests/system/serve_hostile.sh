#!/bin/bash
# Clients that hold connections, lie, ask for too much or go away harm nobody else, and cost little memory.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/serve_lib.sh"

mkdir "$work/context"
head -c 20000000 /dev/urandom >"$work/context/large"
printf 'FROM scratch\nCOPY large /large\n' >"$work/context/Dockerfile"
imgb build -q -t team/app:1 "$work/context" >/dev/null
serve -q --writable
python3 "$(dirname "$0")/serve_hostile.py" "$server" "$server_pid"
[[ $(code "http://$server/healthz") == 200 ]] || fail "it lives"
imgb fsck >/dev/null
equal "$(ls -A "$IMGB_ROOT/ingest")" "" "what broken uploads leave"

# A damaged blob is refused by its name, the others are served; a manifest that is asked for meanwhile too.
manifest=$(curl -s "http://$server/v2/team/app/manifests/1")
layer=$(jq -r '.layers[0].digest' <<<"$manifest")
config=$(jq -r '.config.digest' <<<"$manifest")
chmod u+w "$IMGB_ROOT/blobs/sha256/${layer#sha256:}"
printf X | dd of="$IMGB_ROOT/blobs/sha256/${layer#sha256:}" bs=1 seek=1000000 conv=notrunc status=none
equal "$(code "http://$server/v2/team/app/blobs/$layer")" 500
contains "$(cat "$work/body")" "$layer"
equal "$(code "http://$server/v2/team/app/blobs/$layer")" 404 "it is set aside"
equal "$(code "http://$server/v2/team/app/blobs/$config")" 200
contains "$(curl -s "http://$server/metrics")" "imgb_blobs_damaged_total 1"

# A client that pulls when the server is stopped has all of it; a new one is not let in.
imgb build -q --no-cache -t team/app:2 "$work/context" >/dev/null
layer=$(curl -s "http://$server/v2/team/app/manifests/2" | jq -r '.layers[0].digest')
curl -s --limit-rate 10M "http://$server/v2/team/app/blobs/$layer" -o "$work/pulled" &
pull=$!
pulling() { [[ -s $work/pulled ]]; }
wait_until 10 pulling
kill -TERM "$server_pid"
wait "$pull" || fail "the pull breaks"
equal "sha256:$(sha256sum <"$work/pulled" | cut -d' ' -f1)" "$layer"
wait "$server_pid" || fail "the server fails"
