#!/bin/bash
# Images go to a real registry as they are, each byte once, and come back as they were.
source "$(dirname "$0")/lib.sh"
start_registry
base_image base:1
head -c 20000000 /dev/urandom >"$work/base/large"
printf 'FROM base:1\nCOPY large /large\n' >"$work/base/Dockerfile"
imgb build -q -t "$registry/team/app:1" "$work/base" >/dev/null
digest=$(imgb inspect -f '{{.Descriptor.digest}}' "$registry/team/app:1")

equal "$(imgb push -q "$registry/team/app:1")" "$registry/team/app@$digest"
contains "$(skopeo inspect --tls-verify=false "docker://$registry/team/app:1")" "$digest"
contains "$(imgb push --progress plain "$registry/team/app:1" 2>&1)" "it was there already"

# Under another name: what the registry has is not sent again.
contains "$(imgb push --progress plain "$registry/team/app:1" "$registry/other/app:2" 2>&1)" "0 blobs sent (0 B), 3 mounted"
contains "$(imgb push --progress plain "$registry/team/app:1" "$registry/team/app:2" 2>&1)" "3 there already"

# It comes back into an empty store.
imgb --root "$work/second" pull -q "$registry/other/app:2" >/dev/null
equal "$(imgb --root "$work/second" inspect -f '{{.Descriptor.digest}}' "$registry/other/app:2")" "$digest"
cmp "$work/base/large" <(imgb --root "$work/second" run --rm --network none "$registry/other/app:2" cat /large)

# Of an index what was pulled is the image for this host, and that goes.
cat >"$work/index.py" <<'END'
import hashlib, json, sys, urllib.request
registry, digest, size = sys.argv[1:]
here = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": int(size)}
entry = lambda arch: dict(here, platform={"os": "linux", "architecture": arch})
get = urllib.request.Request(f"http://{registry}/v2/team/app/manifests/{digest}", headers={"Accept": here["mediaType"]})
other = urllib.request.urlopen(get).read() + b" "
request = lambda name, body, type: urllib.request.urlopen(urllib.request.Request(
    f"http://{registry}/v2/team/app/manifests/{name}", data=body, headers={"Content-Type": type}, method="PUT"))
theirs = "sha256:" + hashlib.sha256(other).hexdigest()
request(theirs, other, here["mediaType"])
type = "application/vnd.oci.image.index.v1+json"
foreign = dict(entry("s390x"), digest=theirs, size=len(other))
request("many", json.dumps({"schemaVersion": 2, "mediaType": type, "manifests": [entry("amd64"), entry("arm64"), foreign]}).encode(), type)
END
python3 "$work/index.py" "$registry" "$digest" "$(imgb inspect -f '{{.Descriptor.size}}' "$registry/team/app:1")"
imgb --root "$work/third" pull -q "$registry/team/app:many" >/dev/null
out=$(imgb --root "$work/third" push "$registry/team/app:many" "$registry/team/one:1" 2>&1)
contains "$out" "$registry/team/one@$digest"

# Failures say what to do, and leave nothing under the name.
exits_with 1 imgb push "$registry/team/none:1"
contains "$(cat "$work/err")" "no such image"
rm "$IMGB_ROOT"/blobs/sha256/"$(skopeo inspect --raw --tls-verify=false "docker://$registry/team/app:1" | jq -r '.layers[-1].digest | .[7:]')"
exits_with 1 imgb push "$registry/team/app:1" "$registry/team/broken:1"
contains "$(cat "$work/err")" "not in the store"
equal "$(curl -s -o "$work/out" -w '%{http_code}' "http://$registry/v2/team/broken/manifests/1")" 404 "nothing under the name"
