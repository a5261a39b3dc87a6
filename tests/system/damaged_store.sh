#!/bin/bash
# An image of which blobs are missing or damaged: each verb says which image it is and what brings it back, listing and
# freeing go on, rmi forgets it, and a build brings it back.
source "$(dirname "$0")/lib.sh"
base_image base:1
imgb save -o "$work/base.tar" base:1
cp -a "$IMGB_ROOT" "$work/whole"
manifest=$(jq -r '.manifests[0].digest' "$IMGB_ROOT/index.json" | cut -d: -f2)
config=$(jq -r .config.digest "$IMGB_ROOT/blobs/sha256/$manifest" | cut -d: -f2)
layer=$(jq -r '.layers[0].digest' "$IMGB_ROOT/blobs/sha256/$manifest" | cut -d: -f2)
printf 'FROM base:1\nCOPY f /f\n' >"$work/Dockerfile"
echo f >"$work/f"

# spoil BLOB HOW: from the whole store anew.
spoil() {
  wait_until 20 rm -rf "$IMGB_ROOT"
  cp -a "$work/whole" "$IMGB_ROOT"
  rm -rf "$IMGB_ROOT/snapshots" "$IMGB_ROOT/tocs"
  local blob=$IMGB_ROOT/blobs/sha256/$1
  case $2 in
    missing) rm "$blob" ;;
    damaged) chmod 644 "$blob" && printf X | dd of="$blob" conv=notrunc bs=1 seek=100 status=none ;;
    cut) chmod 644 "$blob" && truncate -s 50 "$blob" ;;
  esac
}

for how in missing damaged cut; do
  for blob in "$manifest" "$config"; do
    for verb in "run --rm --network none base:1 true" "inspect base:1" "history base:1" "save -o $work/x.tar base:1" \
      "build -q -f $work/Dockerfile --pull=never $work"; do
      spoil "$blob" $how
      # shellcheck disable=SC2086  # words of a command line
      if imgb $verb >"$work/out" 2>&1; then fail "$how: $verb works"; fi
      said=$(cat "$work/out")
      contains "$said" "base:1"
      contains "$said" "$blob"
      if [[ $how == missing ]]; then contains "$said" "imgb pull base:1"; else contains "$said" "pull or build again"; fi
    done
  done
  for blob in "$manifest" "$config" "$layer"; do
    spoil "$blob" $how
    imgb images >/dev/null 2>&1 || fail "$how: images"
    imgb du >/dev/null || fail "$how: du"
    spoil "$blob" $how
    if [[ $blob == "$manifest" && $how != missing ]]; then
      # What it needs is unknown: nothing goes, not even the second time.
      for _ in 1 2; do
        exits_with 1 imgb prune
        contains "$(cat "$work/err")" "base:1"
        contains "$(cat "$work/err")" "fsck --repair"
      done
      [[ -e $IMGB_ROOT/blobs/sha256/$config && -e $IMGB_ROOT/blobs/sha256/$layer ]] || fail "$how: prune took what it needs"
      imgb prune -a >/dev/null || fail "$how: prune -a, which need not read it"
    else
      imgb prune >/dev/null || fail "$how: prune"
    fi
    spoil "$blob" $how
    contains "$(imgb rmi base:1)" "Untagged: base:1"
    imgb fsck --repair >/dev/null || fail "$how: fsck --repair"
    imgb fsck >/dev/null || fail "$how: fsck after its repair"
    # Loading it again heals it, whatever was wrong.
    spoil "$blob" $how
    imgb fsck --repair >/dev/null
    imgb load -q -i "$work/base.tar" >/dev/null
    imgb run --rm --network none base:1 true
    imgb fsck >/dev/null
  done
done

# An index that was lost is no store without images: nobody takes their blobs for garbage, and repair finds them.
again() {
  wait_until 20 rm -rf "$IMGB_ROOT"
  cp -a "$work/whole" "$IMGB_ROOT"
}
for how in empty missing; do
  again
  if [[ $how == empty ]]; then truncate -s 0 "$IMGB_ROOT/index.json"; else rm "$IMGB_ROOT/index.json"; fi
  exits_with 1 imgb prune -a
  contains "$(cat "$work/err")" "fsck --repair"
  exits_with 1 imgb images
  exits_with 1 imgb fsck
  contains "$(cat "$work/out")" "bad index"
  imgb fsck --repair >/dev/null || fail "$how index: fsck --repair"
  equal "$(imgb images -q | wc -l)" 1 "images after the repair of an $how index"
done

# A name that another tool gave is shown as it is, found, and removed.
again
jq -c '.manifests[0].annotations["org.opencontainers.image.ref.name"] = "MyTag"' "$IMGB_ROOT/index.json" >"$work/index"
cp "$work/index" "$IMGB_ROOT/index.json"
contains "$(imgb images)" "MyTag"
equal "$(imgb inspect MyTag | jq -r '.[0].RepoTags[0]')" "MyTag" "its name"
exits_with 1 imgb inspect nobody
contains "$(cat "$work/err")" "no such image"
imgb tag MyTag proper:1
contains "$(imgb rmi MyTag)" "Untagged: MyTag"
imgb run --rm --network none proper:1 true

# A cache that cannot be opened now is left alone, and the build says so.
again
imgb build -q -f "$work/Dockerfile" --pull=never "$work" >/dev/null
rm -f "$IMGB_ROOT/cache.db-wal"
mkdir -p "$IMGB_ROOT/cache.db-wal/in-the-way"
contains "$(imgb build --progress plain -f "$work/Dockerfile" --pull=never "$work" 2>&1)" "cache, which cannot be used now"
rm -r "$IMGB_ROOT/cache.db-wal"
contains "$(imgb build --progress plain -f "$work/Dockerfile" --pull=never "$work" 2>&1)" "CACHED"
