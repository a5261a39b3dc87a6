#!/bin/bash
# A build cache in a folder: found by another store, kept small, and what its files are worth when they are damaged. Cache
# mounts travel along when they are named.
source "$(dirname "$0")/lib.sh"
base_image base:1
imgb --root "$work/other" load -q -i <(imgb save base:1) >/dev/null
mkdir "$work/app"
cat >"$work/app/Dockerfile" <<'END'
FROM base:1 AS make
COPY in /in
RUN --mount=type=cache,id=things,target=/cache --mount=type=cache,id=mine,target=/mine,uid=7 \
  cat /in /cache/old 2>/dev/null; echo "$(cat /in)" >/cache/old; mkdir -p /mine/d; echo m >/mine/d/f; cp /in /out
FROM base:1
COPY --from=make /out /out
END
echo one >"$work/app/in"
here() { imgb build -q --cache-to "type=local,dest=$work/cache,mode=max${1:-}" "$work/app"; }
there() { imgb --root "$work/other" build --progress plain -t app "$@" "$work/app" 2>"$work/log"; }
blobs() { find "$work/cache/blobs" -type f -exec sha256sum {} + | sort; }

here >/dev/null
skopeo inspect --raw "oci:$work/cache:latest" | grep -q vnd.imgb.cache
before=$(blobs)
here >/dev/null
equal "$(blobs)" "$before" "an export of the same"
there --cache-from "type=local,src=$work/cache" >/dev/null
equal "$(grep -c CACHED "$work/log")" 3 "$(cat "$work/log")"

# What is no longer needed goes; a cache with another tag stays.
here ",tag=kept" >/dev/null
echo two >"$work/app/in"
here >/dev/null
here ",tag=kept2" >/dev/null
lines=$(find "$work/cache/blobs" -type f | wc -l)
rm -rf "$work/cache2"
imgb build -q --cache-to "type=local,dest=$work/cache2,mode=max" "$work/app" >/dev/null
echo three >"$work/app/in"
imgb build -q --cache-to "type=local,dest=$work/cache2,mode=max" "$work/app" >/dev/null
equal "$(find "$work/cache2/blobs" -type f | wc -l)" 4 "two layers, since the copy is as what it copies, a config and a manifest"
((lines > 4)) || fail "a cache with another tag lost its blobs"

# Cache mounts: begun with where they are missing, with their owners; never in the way of one that is there.
here ",mounts=things,mine,none" 2>"$work/log" >/dev/null || fail "$(cat "$work/log")"
imgb build --progress plain --cache-to "type=local,dest=$work/cache,mode=max,mounts=things,mine,none" "$work/app" 2>"$work/log" >/dev/null
contains "$(cat "$work/log")" "cache mount none is not exported: no step of this build has it"
echo four >"$work/app/in"
there --cache-from "type=local,src=$work/cache" >/dev/null
contains "$(cat "$work/log")" "the cache things begins with what was kept of it"
contains "$(cat "$work/log")" three  # what the other store's step had left there
mine=$(find "$work/other/cache-mounts" -path '*/d/f')
equal "$(cat "$mine")" m
echo five >"$work/app/in"
there --cache-from "type=local,src=$work/cache" >/dev/null
lacks "$(cat "$work/log")" "begins with what was kept"
contains "$(cat "$work/log")" four

# A damaged cache is a warning, and the build is right.
imgb build -q --cache-to "type=local,dest=$work/cache,mode=max" "$work/app" >/dev/null
number=0
for damage in "truncate -s 20" "sh -c 'tr a b <\$0 >\$0.x; mv \$0.x \$0'" "rm"; do
  cp -r "$work/cache" "$work/damaged"
  find "$work/damaged/blobs" -type f -size +150c | while read -r file; do eval "$damage $file"; done
  new=$work/new$((++number))
  imgb --root "$new" load -q -i <(imgb save base:1) >/dev/null
  imgb --root "$new" build --progress plain -t app --cache-from "type=local,src=$work/damaged" "$work/app" 2>"$work/log" >/dev/null
  contains "$(cat "$work/log")" "is not used"
  equal "$(imgb --root "$new" run --rm --network none app cat /out)" five
  imgb --root "$new" fsck >/dev/null
  rm -rf "$work/damaged"
done
echo '{"imgbCache":1,"steps":7}' >"$work/cache/index.json"
there --cache-from "type=local,src=$work/cache" >/dev/null
contains "$(cat "$work/log")" "is not used"
