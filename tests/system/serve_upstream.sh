#!/bin/bash
# A mirror that fills itself: what clients ask for comes from its registry once, and is there when that is away.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/serve_lib.sh"

mkdir "$work/context"
head -c 40000000 /dev/urandom >"$work/context/large"
printf 'FROM scratch\nCOPY large /large\n' >"$work/context/Dockerfile"
imgb build -q -t large:1 "$work/context" >/dev/null
digest=$(imgb inspect -f '{{.Descriptor.digest}}' large:1)
start_registry
publish large:1 library/large:1

# What stands for docker.io here.
printf '[[registry]]\nprefix = "docker.io"\nlocation = "%s"\ninsecure = true\n' "$registry" >"$work/registries.conf"
export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
serve --upstream docker.io,quay.io "$work/mirror"
export -n CONTAINERS_REGISTRIES_CONF
unset CONTAINERS_REGISTRIES_CONF

# Several clients at once, one of them as containerd asks.
pulls=()
for i in 1 2 3 4; do
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$server/library/large:1" "dir:$work/pulled$i" &
  pulls+=($!)
done
for pull in "${pulls[@]}"; do wait "$pull" || fail "a pull breaks"; done
for i in 1 2 3 4; do equal "sha256:$(sha256sum <"$work/pulled$i/manifest.json" | cut -d' ' -f1)" "$digest"; done
equal "$(curl -s "http://$server/v2/library/large/manifests/1?ns=docker.io" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}"
contains "$(imgb --root "$work/mirror" images --format '{{.Repository}}:{{.Tag}}')" "large:1"
imgb --root "$work/mirror" fsck >/dev/null
equal "$(ls -A "$work/mirror/ingest")" ""

# V102: nobody else is asked, whoever is named; and nothing is pushed.
equal "$(code "http://$server/v2/library/large/manifests/1?ns=$registry")" 404
equal "$(code "http://$server/v2/latest/meta-data/manifests/1?ns=169.254.169.254")" 404
equal "$(code "http://$server/v2/library/none/manifests/1")" 404
equal "$(code -X POST "http://$server/v2/library/large/blobs/uploads/")" 405

# Its registry is away: what is here is served, to a new server too.
kill "${background[0]}"
code=0
wait "${background[0]}" || code=$?
equal "$code" 143 "how the registry ends"
imgb --root "$work/second" pull -q --unpack=false "$server/library/large:1" >/dev/null
kill "$server_pid"
wait "$server_pid"
export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
serve --upstream docker.io "$work/mirror"
unset CONTAINERS_REGISTRIES_CONF
imgb --root "$work/third" pull -q --unpack=false "$server/library/large:1" >/dev/null
equal "$(code "http://$server/v2/library/other/manifests/1")" 503

exits_with 2 imgb serve --upstream docker.io/library "$work/mirror"
contains "$(cat "$work/err")" "is no registry"
