#!/bin/bash
# A set of images is brought together, carried away, kept up to date and checked; nothing of it needs a network afterwards.
source "$(dirname "$0")/lib.sh"
start_registry
cat >"$work/registries.conf" <<END
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "$registry"
insecure = true
END
export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
mirror() { imgb --progress quiet mirror "$@"; }

base_image base:1
publish base:1 library/base:1
# app NAME TEXT: an image upon the base, published.
app() {
  mkdir -p "$work/$1"
  printf '%s\n' "$2" >"$work/$1/file"
  printf 'FROM base:1\nCOPY file /file\n' >"$work/$1/Dockerfile"
  imgb build -q -t "$1:1" "$work/$1" >/dev/null
  publish "$1:1" "library/$1:1"
}
app one first
app two second

# From names, and from whatever file names images.
cat >"$work/compose.yaml" <<'END'
services:
  web: {image: "two:${TAG:-9}"}
  mine: {build: ., image: mine}
END
cd "$work"
echo TAG=1 >.env
mirror create -o m one:1 --from compose.yaml --from one/Dockerfile >"$work/out"
equal "$(cut -d@ -f1 "$work/out")" $'docker.io/library/base:1\ndocker.io/library/one:1\ndocker.io/library/two:1'
equal "$(ls -A m)" $'blobs\nindex.json\noci-layout' "what is in the folder"
contains "$(mirror verify --closure m)" "clean"
equal "$(find m/blobs/sha256 -type f | wc -l)" 9 "a blob that images share is there once"
python3 - "$work/m" <<'END'
import hashlib, pathlib, sys
for blob in pathlib.Path(sys.argv[1], "blobs/sha256").iterdir():
    assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
END
contains "$(skopeo inspect --raw "oci:m:docker.io/library/one:1")" '"layers"'

# One tar, the same bytes each time, and the same mirror.
mirror create -o m.tar one:1 two:1 base:1 >/dev/null
mirror export -o again.tar m
cmp m.tar again.tar
[[ ! -e m.tar.parts ]]
contains "$(mirror diff m m.tar)" "0 new blobs"
contains "$(mirror verify m.tar)" "clean"

# What has changed since, and only that, to a site that has the old state.
mirror import m.tar site >/dev/null
mirror ls --format json site >site.json
app one changed
mirror update m >/dev/null
contains "$(mirror diff site m)" "changed"
mirror export --since site.json -o delta.tar m
mirror export --since site -o delta m
equal "$(find delta/blobs -type f | wc -l)" 3 "layer, config and manifest of one:1"
equal "$(tar tf delta.tar | grep -c 'sha256/.')" 3
exits_with 1 mirror import delta.tar other
contains "$(cat err)" "does not make the mirror whole"
[[ -z $(mirror ls --format '{{.Name}}' other) ]]
contains "$(mirror import delta.tar site)" "3 new blobs"
contains "$(mirror verify site)" "clean"
contains "$(mirror diff site m)" "0 new blobs"
equal "$(mirror ls --format '{{.Name}} {{.State}}' site)" "$(mirror ls --format '{{.Name}} {{.State}}' m)"

# A killed run is gone on with. Each image has a thread: its first rename gives the manifest its name, its second the image.
mirror create -o killed base:1 >/dev/null
code=0
strace -f -qq -o /dev/null -e trace=renameat,renameat2 -e inject=renameat,renameat2:signal=KILL:when=2 \
  "$IMGB" --progress quiet mirror create -o killed one:1 two:1 >/dev/null 2>&1 || code=$?
equal "$code" 137 "the kill"
equal "$(mirror ls --format '{{.Name}}' killed)" docker.io/library/base:1
mirror create -o killed one:1 two:1 >/dev/null
contains "$(mirror verify killed)" "clean"
equal "$(ls -A killed)" $'blobs\nindex.json\noci-layout' "what a killed run leaves"

# What is not there is named; the rest is done.
exits_with 1 mirror create -o m one:1 nosuch:1
contains "$(cat err)" "nosuch:1"
contains "$(cat out)" "docker.io/library/one:1@"
exits_with 1 mirror rm m on:1
contains "$(cat err)" "docker.io/library/one:1"

# Damage is named with its image, and mended by an update.
layer=$(skopeo inspect --raw oci:m:docker.io/library/two:1 | jq -r '.layers[-1].digest' | cut -d: -f2)
printf X | dd of="m/blobs/sha256/$layer" bs=1 count=1 conv=notrunc status=none
exits_with 1 mirror verify m
contains "$(cat out)" "docker.io/library/two:1: blob sha256:$layer"
rm "m/blobs/sha256/$layer"
exits_with 1 mirror prune m
mirror update m two:1 >/dev/null
contains "$(mirror verify m)" "clean"
mirror rm m two:1 >/dev/null
mirror prune m >/dev/null
[[ ! -e m/blobs/sha256/$layer ]]
contains "$(mirror verify m)" "clean"

# From here on there is no network at all: the mirror is checked and served, and clients pull from it, in place.
cat >offline.sh <<'END'
set -Eeuo pipefail
ip link set lo up
"$IMGB" --progress quiet mirror verify m
for form in m site m.tar; do
  exec 3< <(exec "$IMGB" mirror serve --addr 127.0.0.1:0 "$form" 2>/dev/null)
  server=$!
  read -r address <&3
  rm -rf pulled
  skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$address/library/one:1" oci:pulled:x
  diff <(skopeo inspect --raw oci:pulled:x) <(curl -sf "http://$address/v2/library/one/manifests/1")
  "$IMGB" --root store-of-site pull -q "$address/docker.io/library/one:1"
  kill "$server"
  wait "$server"
  exec 3<&-
done
END
unshare -n bash offline.sh >/dev/null
