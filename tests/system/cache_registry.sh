#!/bin/bash
# A second machine (another store, folder, file times and owners) finds every step in a cache that a registry keeps, and
# moves only what it needs.
source "$(dirname "$0")/lib.sh"
start_registry
base_image "$registry/base:1"
imgb push -q "$registry/base:1" >/dev/null
cache=$registry/team/app:cache

# make_machine NAME: its own store and its own copy of the project, as another checkout would have it.
make_machine() {
  mkdir -p "$work/$1/project/src"
  cat >"$work/$1/project/Dockerfile" <<END
FROM $registry/base:1 AS builder
WORKDIR /build
COPY src .
RUN cat main.txt lib.txt > /build/out && head -c 2000000 /dev/urandom > /build/large
FROM $registry/base:1
RUN mkdir -p /etc && echo app:x:77:78::/: >/etc/passwd && echo app:x:78: >/etc/group
WORKDIR /srv
COPY --from=builder --chown=app /build/out /srv/out
RUN --mount=type=bind,from=builder,source=/build,target=/b cat /b/out > /srv/copy
CMD ["cat", "/srv/out"]
END
  echo main >"$work/$1/project/src/main.txt"
  echo lib >"$work/$1/project/src/lib.txt"
}
build_on() {  # MACHINE FLAGS...
  local machine=$1
  shift
  imgb --root "$work/$machine/store" build --progress plain "$@" "$work/$machine/project"
}
make_machine one
make_machine two
find "$work/two/project" -exec touch -d '2001-02-03' {} +
((EUID != 0)) || chown -R 1234:4321 "$work/two/project"

# The first machine fills the cache; there was none, which is a warning.
digest=$(build_on one -t "$registry/team/app:1" --push --cache-from "$cache" --cache-to "type=registry,ref=$cache,mode=max" 2>"$work/log")
contains "$(cat "$work/log")" "cache $cache is not used: there is none"
cache_digest=$(skopeo inspect --raw --tls-verify=false "docker://$cache" | sha256sum)

# The second has every step cached, moves no layer in either direction, and makes the same image.
other=$(build_on two -o "type=registry,name=$registry/team/app:2" --cache-from "type=registry,ref=$cache" \
  --cache-to "type=registry,ref=$cache,mode=max" 2>"$work/log")
equal "$other" "$digest" "the image"
equal "$(grep -c CACHED "$work/log")" 7 "steps that are cached: $(cat "$work/log")"
contains "$(cat "$work/log")" "it was there already"
lacks "$(cat "$work/log")" "fetching"
layers=$(skopeo inspect --raw --tls-verify=false "docker://$registry/team/app:1" | jq -r '.layers[].digest[7:]')
for layer in $layers; do [[ ! -e $work/two/store/blobs/sha256/$layer ]] || fail "layer $layer was fetched"; done
equal "$(skopeo inspect --raw --tls-verify=false "docker://$cache" | sha256sum)" "$cache_digest" "the cache after an export of the same"

# Into another repository of the registry everything is mounted.
build_on two -o "type=registry,name=$registry/else/app:1" --cache-from "$cache" 2>"$work/log" >/dev/null
contains "$(cat "$work/log")" "1 blobs sent"  # the config
for layer in $layers; do [[ ! -e $work/two/store/blobs/sha256/$layer ]] || fail "layer $layer was fetched"; done

# The store gets the result's layers and no others: the builder's stay away.
build_on two -t app --cache-from "$cache" >/dev/null 2>&1
equal "$(imgb --root "$work/two/store" run --rm --network none app)" $'main\nlib'
[[ $(du -sb "$work/two/store/blobs" | cut -f1) -lt 2500000 ]] || fail "more came than the result has"

# A change runs what needs it, upon layers of the cache.
echo changed >"$work/two/project/src/lib.txt"
build_on two -t app --cache-from "$cache" 2>"$work/log" >/dev/null
equal "$(grep -c CACHED "$work/log")" 3 "$(cat "$work/log")"
equal "$(imgb --root "$work/two/store" run --rm --network none app)" $'main\nchanged'

# Other tools move a cache as they move images; it is a cache there too.
skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$cache" "docker://$registry/moved/cache:1"
make_machine three
build_on three -o "type=registry,name=$registry/team/app:3" --cache-from "$registry/moved/cache:1" 2>"$work/log" >/dev/null
equal "$(grep -c CACHED "$work/log")" 7

# Inline: the image itself is the cache.
build_on one -t "$registry/inline/app:1" --push --cache-to type=inline >/dev/null 2>&1
make_machine four
build_on four -o "type=registry,name=$registry/inline/app:1" --cache-from "$registry/inline/app:1" --cache-to type=inline 2>"$work/log" >/dev/null
# The builder's RUN makes something new each time, and the last RUN sees it.
equal "$(grep -c CACHED "$work/log")" 3 "steps of the result: $(cat "$work/log")"
skopeo inspect --tls-verify=false "docker://$registry/inline/app:1" >/dev/null

# What is no cache of ours is a warning and no failure.
build_on four -t app --cache-from "$registry/base:1" --cache-from 127.0.0.1:1/none:1 --cache-from "type=local,src=$work/none" \
  >/dev/null 2>"$work/log"
contains "$(cat "$work/log")" "an image without an inline cache"
contains "$(cat "$work/log")" "cache 127.0.0.1:1/none:1 is not used"
contains "$(cat "$work/log")" "cache $work/none is not used: there is none"

# An export that cannot be made fails the build with the place's name, unless its failure does not count.
exits_with 1 build_on four -t app --cache-to type=registry,ref=127.0.0.1:1/none:1
contains "$(cat "$work/err")" "exporting cache to 127.0.0.1:1/none:1"
build_on four -t app --cache-to type=registry,ref=127.0.0.1:1/none:1,ignore-error=true >/dev/null 2>"$work/log"
contains "$(cat "$work/log")" "exporting cache to 127.0.0.1:1/none:1"
