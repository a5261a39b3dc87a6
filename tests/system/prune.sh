#!/bin/bash
# prune, rmi and du: what is freed, what stays, and that nobody who works at that moment is hurt.
source "$(dirname "$0")/lib.sh"
base_image base:1
imgb save -o "$work/base.tar" base:1
base_again() { imgb load -q -i "$work/base.tar" >/dev/null; }
mkdir "$work/ctx"
cd "$work/ctx"
echo data >f
cat >Dockerfile <<'END'
FROM base:1 AS helper
RUN --mount=type=cache,target=/cache dd if=/dev/zero of=/cache/big bs=1000 count=500 2>/dev/null; echo helped > /made; echo more > /more
FROM base:1
COPY f /f
COPY --from=helper /made /made
RUN echo run > /run-was-here
END
build() { imgb build -q --network none "$@"; }
size_of() { imgb du --format json | jq -r "select(.Type == \"$1\") | .SizeBytes"; }
snapshots() { find "$IMGB_ROOT/snapshots" -mindepth 1 -maxdepth 1 -type d ! -name mount-points | wc -l; }

# Unpacked layers are synced, and their marks written again, by a process that a build does not wait for.
settled() { test -z "$(grep -L durable "$IMGB_ROOT"/snapshots/*.ok)"; }

# du adds up to what the folder takes, each kind in its row.
id=$(build -t app:1 .)
wait_until 20 settled
equal "$(imgb du --format json | jq -s '[.[].SizeBytes] | add')" "$(du -s --block-size=1 "$IMGB_ROOT" | cut -f1)" "du"
(($(size_of "cache mounts") >= 500000)) || fail "cache mounts are not counted: $(imgb du)"
(($(size_of "unpacked layers") > 0)) || fail "unpacked layers are not counted: $(imgb du)"
(($(size_of "build cache") > 0)) || fail "the helper stage is not counted: $(imgb du)"

# A dry run says what a run does, and does nothing.
imgb prune --dry-run >"$work/dry"
equal "$(ls "$IMGB_ROOT/cache-mounts" | grep -c -v lock)" 1 "cache mounts after a dry run"
imgb prune >"$work/wet"
equal "$(sed 's/would free/freed/' "$work/dry")" "$(cat "$work/wet")" "dry run"
contains "$(cat "$work/wet")" "1 cache mounts"
equal "$(size_of "build cache")" 0 "build cache after prune"
(($(size_of "cache mounts") < 100000)) || fail "the cache mount stays"
# What the image needs is still there: its steps are cached, its layers unpacked.
before=$(snapshots)
out=$(imgb build --network none --progress plain -t app:1 . 2>&1)
contains "$out" CACHED
equal "$(build -t app:1 .)" "$id" "the same image again"
equal "$(imgb run --rm --network none app:1 cat /made /f)" "$(printf 'helped\ndata')" "it runs"

# What was used lately stays, as far as it fits.
build -t app:1 . >/dev/null
imgb prune --filter until=1h >/dev/null
(($(size_of "cache mounts") >= 500000)) || fail "a cache mount used just now is gone"
imgb prune --max-used-space 100m >/dev/null
(($(size_of "cache mounts") >= 500000)) || fail "a cache mount that fits is gone"
imgb prune --max-used-space 100k >/dev/null
(($(size_of "cache mounts") < 500000)) || fail "a cache mount that does not fit stays"

# A nameless image goes; its own layers, packed and unpacked, go with it.
printf 'FROM base:1\nRUN echo other > /other\n' >../other
build -t app:2 -f ../other .  >/dev/null
build -t app:2 . >/dev/null
equal "$(imgb images -q --filter dangling=true | wc -l)" 1 "a nameless image"
with_other=$(snapshots)
contains "$(imgb prune)" "image sha256:"
equal "$(imgb images -q --filter dangling=true | wc -l)" 0 "it is gone"
(($(snapshots) < with_other)) || fail "its unpacked layer stays"

# A container keeps its image and what it stands on, even from prune -a, and goes on.
imgb run -d --name keeper --network none app:1 sleep 100 >/dev/null
exits_with 1 imgb rmi app:1 app:2
imgb prune -a >/dev/null
contains "$(imgb exec keeper cat /made)" helped
equal "$(imgb images | grep -c app)" 1 "the container's image"
imgb rm -f keeper >/dev/null
imgb fsck >/dev/null

# rmi frees at once what only that image needed.
base_again
build -t alone:1 . >/dev/null
for image in $(imgb images --format '{{.Repository}}:{{.Tag}}'); do imgb rmi "$image" >/dev/null; done
imgb prune --cache >/dev/null
equal "$(snapshots)" 0 "unpacked layers without an image"
equal "$(size_of images) $(size_of "build cache")" "0 0" "blobs without an image"
equal "$(ls "$IMGB_ROOT/tocs" | wc -l)" 0 "tables of contents without an image"

# rmi of an image that was pulled, loaded or made elsewhere frees its bytes: no cache record needs them.
base_again
imgb run --rm --network none base:1 true
imgb rmi base:1 >/dev/null
equal "$(size_of images) $(size_of "build cache") $(snapshots)" "0 0 0" "after rmi of a loaded image"

# Builds while prune takes all it may, again and again: each succeeds.
base_again
(while test ! -e "$work/done"; do imgb prune --cache >/dev/null || touch "$work/prune-failed"; done) &
pruner=$!
background+=($pruner)
for round in 1 2 3 4 5; do
  printf 'FROM base:1\nCOPY f /f\nRUN sleep 0.3; echo %s > /round\nRUN sleep 0.2; cat /round\n' $round >../round
  build -t round:$round -f ../round . >/dev/null
  equal "$(imgb run --rm --network none round:$round cat /round)" $round "image $round"
done
touch "$work/done"
wait $pruner
test ! -e "$work/prune-failed" || fail "prune failed beside builds"
contains "$(imgb fsck)" clean
imgb prune -a --containers >/dev/null
equal "$(find "$IMGB_ROOT/leases" "$IMGB_ROOT/ingest" -type f)" "" "no lease or temporary file is left"

# What a killed rm or run left of a container goes, and so do volumes that no container uses.
base_again
imgb run -d --name holder -v used:/data --network none base:1 sleep 100 >/dev/null
imgb run --rm -v unused:/data --network none base:1 dd if=/dev/zero of=/data/f bs=1000 count=100 2>/dev/null
mkdir "$IMGB_ROOT/containers/.old-$(printf '%064d' 1)" "$IMGB_ROOT/containers/.new-$(printf '%064d' 2)"
exits_with 0 imgb fsck
contains "$(cat "$work/out")" "containers/.old-"
contains "$(imgb prune --dry-run)" "2 leftovers"
contains "$(imgb prune)" "2 leftovers"
equal "$(ls "$IMGB_ROOT/volumes")" "$(printf 'unused\nused')" "volumes stay unless they are asked for"
imgb prune --volumes --dry-run >"$work/dry"
imgb prune --volumes >"$work/wet"
equal "$(sed 's/would free/freed/' "$work/dry")" "$(cat "$work/wet")" "dry run with volumes"
contains "$(cat "$work/wet")" "volume unused"
equal "$(ls "$IMGB_ROOT/volumes")" used "the container's volume"
imgb rm -f holder >/dev/null
contains "$(imgb prune --volumes)" "volume used"
imgb prune -a --containers >/dev/null
imgb fsck >/dev/null
