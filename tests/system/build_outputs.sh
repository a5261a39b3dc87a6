# What -o gives: the metadata file speaks of what was delivered, options of Docker's scripts are understood.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
mkdir "$work/c"
cd "$work/c"
seq 200000 >numbers
printf 'FROM scratch\nCOPY numbers /n\n' >Dockerfile

# $1: metadata file, $2: an OCI layout; both mean the same manifest, which is there.
same_manifest() {
  python3 - "$1" "$2" <<'PY'
import hashlib, json, sys
meta, layout = json.load(open(sys.argv[1])), sys.argv[2]
[entry] = json.load(open(f"{layout}/index.json"))["manifests"]
said = meta["containerimage.descriptor"]
assert {k: said[k] for k in ("mediaType", "digest", "size")} == {k: entry[k] for k in ("mediaType", "digest", "size")}, (said, entry)
assert meta["containerimage.digest"] == entry["digest"], meta
raw = open(f"{layout}/blobs/{entry['digest'].replace(':', '/')}", "rb").read()
assert len(raw) == entry["size"] and "sha256:" + hashlib.sha256(raw).hexdigest() == entry["digest"]
assert json.loads(raw)["mediaType"] == entry["mediaType"], raw
PY
}

# The metadata file is about the manifest that went out, not about the one it was made from.
imgb build -q -o "type=oci,dest=$work/plain,tar=false" --metadata-file meta . >/dev/null
same_manifest meta "$work/plain"
imgb build -q -o "type=oci,dest=$work/other,tar=false,oci-mediatypes=false,annotation.a=b" --metadata-file meta . >/dev/null
same_manifest meta "$work/other"
contains "$(cat meta)" "application/vnd.docker.distribution.manifest.v2+json"
imgb build -q -t kept -o type=image,oci-mediatypes=false -o "type=local,dest=$work/folder" --metadata-file meta . >/dev/null
imgb save --format oci-dir -o "$work/kept" kept
same_manifest meta "$work/kept"

# A level alone is gzip's; without a cache it decides how layers are made.
size_at() { imgb build -q --no-cache -o "type=oci,dest=$work/sized.tar,compression-level=$1" . >/dev/null; stat -c %s "$work/sized.tar"; }
(($(size_at 9) < $(size_at 1))) || fail "compression-level=9 makes nothing smaller"
exits_with 2 imgb build -o "type=oci,dest=$work/x.tar,compression-level=10" .

# Options that Docker has.
imgb build -q -o "type=local,dest=$work/split,platform-split=true" --platform linux/arm/v7 . >/dev/null
cmp numbers "$work/split/linux_arm_v7/n"
imgb build -q -o "type=local,dest=$work/flat,platform-split=false" . >/dev/null
cmp numbers "$work/flat/n"
export SOURCE_DATE_EPOCH=1000000000
imgb build -q --no-cache -o "type=tar,dest=$work/dated.tar,rewrite-timestamp=true" . >/dev/null
contains "$(TZ=UTC tar -tvf "$work/dated.tar" n)" "2001-09-09"
imgb build --progress=plain -o "type=oci,dest=$work/dated.oci,rewrite-timestamp=false" . 2>"$work/said" >/dev/null
contains "$(cat "$work/said")" "rewrite-timestamp=false"
unset SOURCE_DATE_EPOCH

# On standard input an archive is told from a Dockerfile by its content, however old the tar is.
for format in v7 oldgnu gnu ustar posix; do
  tar -c --format="$format" . | imgb build -q -o "type=local,dest=$work/$format" - >/dev/null
  cmp numbers "$work/$format/n"
done
for packed in gzip bzip2 xz zstd; do
  tar -c --format=v7 . | "$packed" -c | imgb build -q -o "type=local,dest=$work/$packed" - >/dev/null
  cmp numbers "$work/$packed/n"
done
printf 'FROM scratch\nLABEL x=%s\n' "$(printf 'y%.0s' {1..2000})" | imgb build -q - >/dev/null
