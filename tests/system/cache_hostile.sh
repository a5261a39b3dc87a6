#!/bin/bash
# Caches that lie, are damaged or are no caches: a warning that names the place, a right build, a store that is whole. And a
# registry that dies under an export.
source "$(dirname "$0")/lib.sh"
start_registry
base_image "$registry/base:1"
imgb push -q "$registry/base:1" >/dev/null
mkdir "$work/app"
printf 'FROM %s/base:1\nCOPY in /in\nRUN cat /in /in > /out\n' "$registry" >"$work/app/Dockerfile"
echo data >"$work/app/in"
cache=$registry/app:cache
imgb build -q --cache-to "type=registry,ref=$cache,mode=max" "$work/app" >/dev/null

# forge NAME PYTHON: the cache with its document `doc` and manifest `manifest` changed, under another name.
cat >"$work/forge_cache.py" <<'END'
import hashlib, json, sys, urllib.request
registry, name, change = sys.argv[1:]
kind = "application/vnd.oci.image.manifest.v1+json"
def ask(path, data=None, method="GET", headers={}):
    url = path if path.startswith("http") else f"http://{registry}/v2/app/{path}"
    return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers))
def put(blob):
    digest = "sha256:" + hashlib.sha256(blob).hexdigest()
    place = ask("blobs/uploads/", b"", "POST").headers["Location"]
    ask(place + ("&" if "?" in place else "?") + "digest=" + digest, blob, "PUT", {"Content-Type": "application/octet-stream"})
    return {"digest": digest, "size": len(blob)}
manifest = json.loads(ask("manifests/cache", headers={"Accept": kind}).read())
doc = json.loads(ask("blobs/" + manifest["config"]["digest"]).read())
text = None
exec(change)
manifest["config"].update(put(text if text is not None else json.dumps(doc).encode()))
ask("manifests/" + name, json.dumps(manifest).encode(), "PUT", {"Content-Type": manifest.get("mediaType", kind)})
END
forge() { python3 "$work/forge_cache.py" "$registry" "$1" "$2"; }

forge text 'text = b"no json"'
forge deep 'text = b"[" * 100000'
forge large 'text = b" " * (5 << 20)'
forge newer 'doc["imgbCache"] = 2'
forge numbers 'doc["steps"][0]["layer"] = 99'
forge paths 'doc["mounts"] = [{"id": "x", "name": "../../../etc", "layer": 0}]'
forge swapped 'a, b = doc["layers"]; a["diffID"], b["diffID"] = b["diffID"], a["diffID"]'
forge zeros 'doc["layers"][0]["diffID"] = "sha256:" + "0" * 64'
forge nolayer 'manifest["layers"][0] = dict(put(b"no tar"), mediaType="application/vnd.oci.image.layer.v1.tar+gzip")
doc["layers"][0]["digest"] = manifest["layers"][0]["digest"]'
forge buildkit 'manifest["config"]["mediaType"] = "application/vnd.buildkit.cacheconfig.v0"'
for name in text deep large newer numbers paths swapped zeros nolayer buildkit; do
  imgb --root "$work/$name" build --progress plain -t app --cache-from "$registry/app:$name" "$work/app" >/dev/null 2>"$work/log" ||
    fail "$name: $(cat "$work/log")"
  contains "$(cat "$work/log")" "cache $registry/app:$name is not used"
  equal "$(imgb --root "$work/$name" run --rm --network none app cat /out)" $'data\ndata' "$name"
  # Nothing of it is remembered.
  imgb --root "$work/$name" build -q -t again "$work/app" >/dev/null
  equal "$(imgb --root "$work/$name" run --rm --network none again cat /out)" $'data\ndata' "$name, again"
  imgb --root "$work/$name" fsck >/dev/null 2>&1
done
[[ ! -e $work/etc ]] || fail "a path of a cache was followed"

# A layer that the registry has lost: also when only the push would have needed it.
lost=$(skopeo inspect --raw --tls-verify=false "docker://$cache" | jq -r '.layers[].digest[7:]')
for layer in $lost; do rm -r "$work/registry/docker/registry/v2/blobs/sha256/${layer:0:2}/$layer"; done
for output in type=image,name=app "type=registry,name=$registry/else/app:1"; do
  imgb --root "$work/lost-${output%%,*}" build --progress plain -o "$output" --cache-from "$cache" "$work/app" >/dev/null 2>"$work/log" ||
    fail "$(cat "$work/log")"
  contains "$(cat "$work/log")" "the build begins anew without it"
done

# The registry dies in the middle of an export: an error that names the place, or a warning when that does not count.
head -c 150000000 /dev/urandom >"$work/app/in"
printf 'FROM %s/base:1\nCOPY in /in\n' "$registry" >"$work/app/Dockerfile"
imgb build -q -t app "$work/app" >/dev/null
for option in "" ",ignore-error=true"; do
  imgb build --progress plain -t app --cache-to "type=registry,ref=$registry/dead/app:cache$option" "$work/app" >"$work/out" 2>"$work/log" &
  build=$!
  background+=("$build")
  wait_until 20 sh -c "find '$work/registry' -path '*_uploads*' -name data -size +1M | grep -q ."
  kill -9 "${background[0]}"
  code=0
  wait "$build" || code=$?
  contains "$(cat "$work/log")" "exporting cache to $registry/dead/app:cache"
  equal "$code" "$([[ $option ]] && echo 0 || echo 1)" "$option: $(cat "$work/log")"
  imgb fsck >/dev/null 2>&1
  rm -rf "$work/registry/docker/registry/v2/repositories/dead"
  [[ $option ]] && break
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
  background[0]=$!
  wait_until 20 curl -sf "http://$registry/v2/"
done
