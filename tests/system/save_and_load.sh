# Archives and folders that others read, and reading what others wrote.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
imgb tag base:1 second:tag
id=$(imgb inspect -f '{{.Id}}' base:1)

imgb save -o "$work/docker.tar" base:1 second:tag
imgb save --format oci-archive -o "$work/oci.tar" base:1
imgb save --format oci-dir -o "$work/oci" base:1
imgb save base:1 >"$work/piped.tar"
equal "$(skopeo inspect --format '{{.Architecture}}' "docker-archive:$work/docker.tar:base:1")" \
  "$(imgb inspect -f '{{.Architecture}}' base:1)" "docker-archive for skopeo"
skopeo inspect "oci-archive:$work/oci.tar" >/dev/null
skopeo inspect "oci:$work/oci" >/dev/null
umoci unpack --rootless --image "$work/oci:$(python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"])' "$work/oci/index.json")" \
  "$work/bundle" >/dev/null
[[ -x $work/bundle/rootfs/bin/busybox ]] || fail "umoci unpacked no busybox"

load_into_new_store() { # load_into_new_store ARGUMENTS...: then the image is there, whole
  rm -rf "$work/new"
  imgb --root "$work/new" load -q "$@"
  equal "$(imgb --root "$work/new" inspect -f '{{.Id}}' "${id#sha256:}")" "$id" "loaded with $*"
  imgb --root "$work/new" fsck >/dev/null
}
contains "$(load_into_new_store -i "$work/docker.tar")" "Loaded image: second:tag"
load_into_new_store "$work/oci.tar"
load_into_new_store -i "$work/oci"
load_into_new_store <"$work/piped.tar"
cat "$work/piped.tar" | load_into_new_store
gzip -k "$work/docker.tar"
load_into_new_store -i "$work/docker.tar.gz"

xz -k "$work/docker.tar"
load_into_new_store -i "$work/docker.tar.xz"

# What is no image archive may be a layer that an image has: it stays. Two may load one archive at once.
mkdir "$work/files"
echo x >"$work/files/f"
tar -cf "$work/files.tar" -C "$work/files" f
imgb import "$work/files.tar" imported:1 >/dev/null
exits_with 1 imgb load -i "$work/files.tar"
contains "$(cat "$work/err")" "this is no image archive"
imgb fsck >/dev/null || fail "a load that failed took an image's layer"
rm -rf "$work/new"
for each in 1 2 3 4; do
  imgb --root "$work/new" load -q -i "$work/docker.tar.gz" >"$work/load.$each" 2>&1 &
  loads[each]=$!
done
for each in 1 2 3 4; do
  wait "${loads[each]}" || fail "load $each of 4 at once: $(cat "$work/load.$each")"
done

# The form of Docker before version 25: one folder per layer, layers uncompressed, paths in manifest.json.
skopeo copy -q "oci:$work/oci" "docker-archive:$work/old.tar:old:1"
load_into_new_store -i "$work/old.tar"
equal "$(imgb --root "$work/new" images --format '{{.Repository}}:{{.Tag}}')" "old:1" "name in manifest.json"

# What docker save of version 25 and later writes has each name twice: said once.
imgb save -o "$work/names.tar" second:tag
equal "$(imgb --root "$work/again" load -q -i "$work/names.tar" | sort | uniq -d)" "" "each name once"
mkdir "$work/no-images"
echo '{"layers": []}' >"$work/no-images/manifest.json"
exits_with 1 imgb load -i "$work/no-images"
contains "$(cat "$work/err")" "this is no image archive"
