# Archives that lie are refused, and nothing of them is named or leaves its place.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
imgb save -o "$work/good.tar" base:1
imgb save --format oci-dir -o "$work/good" base:1

# change FOLDER PYTHON: a copy of the good layout, changed
change() {
  rm -rf "$work/bad"
  cp -r "$work/good" "$work/bad"
  (cd "$work/bad" && python3 -c "
import glob, hashlib, json, os, re
def load(path): return json.load(open(path))
def store(value):
    data = json.dumps(value).encode()
    digest = hashlib.sha256(data).hexdigest()
    open('blobs/sha256/' + digest, 'wb').write(data)
    return 'sha256:' + digest, len(data)
index = load('index.json')
manifest = load('blobs/sha256/' + index['manifests'][0]['digest'][7:])
$1")
}
refused() { # refused WHAT
  exits_with 1 imgb --root "$work/new" load -q -i "$work/bad"
  tar -C "$work/bad" -cf "$work/bad.tar" .
  exits_with 1 imgb --root "$work/new" load -q -i "$work/bad.tar"
  equal "$(imgb --root "$work/new" images -q | wc -l)" 0 "$1: nothing is named"
}
write_index='
def name(manifest):
    digest, size = store(manifest)
    index["manifests"][0].update(digest=digest, size=size)
    json.dump(index, open("index.json", "w"))
'

change 'p = "blobs/sha256/" + manifest["layers"][0]["digest"][7:]; d = bytearray(open(p, "rb").read()); d[len(d) // 2] ^= 1; open(p, "wb").write(d)'
refused "a flipped bit in a layer"
change 'p = "blobs/sha256/" + manifest["layers"][0]["digest"][7:]; os.truncate(p, 100)'
refused "a layer cut short"
change 'os.remove("blobs/sha256/" + manifest["layers"][0]["digest"][7:])'
refused "a layer that is not there"
change "$write_index"'manifest["layers"][0]["digest"] = "sha256:../../../../etc/passwd"; name(manifest)'
refused "a digest that is a path (V54)"
change "$write_index"'
config = load("blobs/sha256/" + manifest["config"]["digest"][7:])
config["rootfs"]["diff_ids"][0] = "sha256:" + "0" * 64
manifest["config"]["digest"], manifest["config"]["size"] = store(config)
name(manifest)'
refused "another DiffId than the layer has"
change "$write_index"'
for i in range(6):
    digest, size = store({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index["manifests"]})
    index["manifests"] = [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": size}]
json.dump(index, open("index.json", "w"))'
refused "indexes nested too deep (V59)"
# An index that names one child thousands of times, four levels of them: seen once each.
change "$write_index"'
for i in range(4):
    digest, size = store({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": index["manifests"] * (3000 if i else 1)})
    index["manifests"] = [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": size}]
json.dump(index, open("index.json", "w"))'
imgb --root "$work/many" load -q -i "$work/bad" >/dev/null
imgb --root "$work/many" fsck >/dev/null
imgb --root "$work/many" save -o "$work/many.tar" "$(imgb --root "$work/many" images -aq --no-trunc | head -1)" >/dev/null
change 'open("index.json", "w").write("{" * 100000)'
refused "JSON nested too deep (V58)"

# Paths in manifest.json and links in the archive mean files of the archive alone.
python3 - "$work/evil.tar" <<'PY'
import io, json, sys, tarfile
tar = tarfile.open(sys.argv[1], "w")
def add(name, data):
    info = tarfile.TarInfo(name); info.size = len(data); tar.addfile(info, io.BytesIO(data))
link = tarfile.TarInfo("config.json"); link.type = tarfile.SYMTYPE; link.linkname = "/etc/hostname"; tar.addfile(link)
add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["evil:1"], "Layers": ["../../../etc/passwd"]}]).encode())
tar.close()
PY
exits_with 1 imgb --root "$work/new" load -i "$work/evil.tar"
lacks "$(cat "$work/err")" "root:"
printf 'not a tar' >"$work/text"
exits_with 1 imgb --root "$work/new" load -i "$work/text"
exits_with 1 imgb --root "$work/new" load -i "$work/absent"
imgb --root "$work/new" fsck >/dev/null
