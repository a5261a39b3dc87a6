#!/bin/bash
# A build's result goes to a real registry: --push, -o type=registry, several outputs and names at once.
source "$(dirname "$0")/lib.sh"
start_registry
base_image "$registry/base:1"
imgb push -q "$registry/base:1" >/dev/null
mkdir "$work/app"
head -c 3000000 /dev/urandom >"$work/app/data"
printf 'FROM %s/base:1\nCOPY data /data\n' "$registry" >"$work/app/Dockerfile"
remote() { skopeo inspect --tls-verify=false "docker://$registry/$1" | jq -r .Digest; }
in_store() { imgb images -q "$1" 2>/dev/null | wc -l; }

# --push: every name has it, the digest that is printed is the registry's, and it is here too.
digest=$(imgb build --push --metadata-file "$work/meta.json" -t "$registry/team/app:1" -t "$registry/team/app:2" \
  -t "$registry/else/app:1" --progress plain "$work/app" 2>"$work/log")
for name in team/app:1 team/app:2 else/app:1; do equal "$(remote $name)" "$digest"; done
equal "$(imgb inspect -f '{{.Descriptor.digest}}' "$registry/team/app:1")" "$digest" "the stored one"
equal "$(jq -r '."containerimage.digest"' "$work/meta.json")" "$digest"
contains "$(jq -r '."image.name"' "$work/meta.json")" "$registry/else/app:1"
contains "$(cat "$work/log")" "2 blobs sent"       # the base's layer comes from the base's repository
contains "$(cat "$work/log")" "0 blobs sent (0 B), 3 mounted"  # into the other repository nothing is sent
contains "$(cat "$work/log")" "$registry/team/app@$digest"

# Again: nothing moves, same digest.
equal "$(imgb build --push -q -t "$registry/team/app:1" "$work/app")" "$digest"
contains "$(imgb build --push --progress plain -t "$registry/team/app:1" "$work/app" 2>&1)" "it was there already"

# -o type=registry: there and not here; -t names count too.
echo more >>"$work/app/data"
digest=$(imgb build -q -o "type=registry,name=$registry/only/there:1" "$work/app")
equal "$(remote only/there:1)" "$digest"
equal "$(in_store "$registry/only/there:1")" 0 "named in the store"

# Several outputs at once, one of them compressed in another way: each place says its own digest.
imgb build -q -o "type=image,push=true,name=$registry/team/app:3" -o "type=oci,dest=$work/app.tar" \
  -o "type=registry,name=$registry/team/zstd:1,compression=zstd,force-compression=true" "$work/app" >"$work/digests"
equal "$(sed -n 1p "$work/digests")" "$(remote team/app:3)"
equal "$(sed -n 2p "$work/digests")" "$(remote team/zstd:1)"
contains "$(skopeo inspect --raw --tls-verify=false "docker://$registry/team/zstd:1")" "tar+zstd"
equal "$(in_store "$registry/team/app:3")" 1 "type=image"
skopeo --insecure-policy copy -q "oci-archive:$work/app.tar" "dir:$work/app.dir"

# By digest alone: no tag comes to be.
digest=$(imgb build -q -o "type=registry,name=$registry/by/digest,push-by-digest=true" "$work/app")
equal "$(curl -s -o "$work/out" -w '%{http_code}' -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
  "http://$registry/v2/by/digest/manifests/$digest")" 200
equal "$(curl -s -o "$work/out" -w '%{http_code}' "http://$registry/v2/by/digest/tags/list")" 404 "tags"

# What is wrong is said before anything is built, or with the name of what did not go.
exits_with 2 imgb build --push "$work/app"
contains "$(cat "$work/err")" "give one with -t"
exits_with 1 imgb build --push -t "127.0.0.1:$(free_port)/x:1" "$work/app"
contains "$(cat "$work/err")" "onnect"
equal "$(cat "$work/out")" "" "a digest of what was not pushed"
