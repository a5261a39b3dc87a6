#!/bin/bash
# What imgb does with registries beside pull and push, against Debian's docker-registry with a password, and skopeo.
source "$(dirname "$0")/lib.sh"
registry=127.0.0.1:$(free_port)
python3 -W ignore -c 'import crypt; print("alice:" + crypt.crypt("wonder land", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$work/htpasswd"
cat >"$work/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
http: {addr: "$registry"}
END
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
background+=($!)
wait_until 20 curl -s "http://$registry/v2/"
export REGISTRY_AUTH_FILE=$work/auth.json
base_image app:1

# --- login: nothing is stored that the registry does not take, the secret is for its owner alone.
exits_with 1 imgb push -q app:1 "$registry/team/app:1"
contains "$(cat "$work/err")" "imgb login $registry"
printf 'wrong' >"$work/secret"
exits_with 1 imgb login -u alice --password-stdin "$registry" <"$work/secret"
[[ ! -e $work/auth.json ]] || fail "a wrong password was stored"
printf 'wonder land\n' >"$work/secret"
contains "$(imgb login -u alice --password-stdin "$registry" <"$work/secret" 2>/dev/null)" "Login Succeeded"
equal "$(stat -c %a "$work/auth.json")" 600
equal "$(imgb login --get-login "$registry")" alice
equal "$(skopeo login --authfile "$work/auth.json" --get-login "$registry")" alice
exits_with 2 imgb login -u alice "$registry" </dev/null  # no terminal to ask on

# --- push, copy: what skopeo reads has the same digest everywhere.
imgb push -q app:1 "$registry/team/app:1" >/dev/null
digest=$(imgb inspect --remote -f '{{.Digest}}' "$registry/team/app:1")
equal "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$registry/team/app:1")" "$digest"
for place in "oci:$work/layout:v1" "oci-archive:$work/layout.tar:v1" "docker-archive:$work/docker.tar:app:v1"; do
  equal "$(imgb copy -q "docker://$registry/team/app:1" "$place")" "$digest" "copied to $place"
  equal "$(imgb copy -q "$place" "docker://$registry/back/app:1")" "$digest" "copied back from $place"
  contains "$(skopeo inspect "$place")" '"Architecture"'
done
equal "$(imgb copy -q "docker://$registry/team/app:1" copied:1)" "$digest"
equal "$(imgb inspect -f '{{.Descriptor.digest}}' copied:1)" "$digest"
contains "$(imgb copy --progress plain "docker://$registry/team/app:1" "docker://$registry/team/app:1" 2>&1)" "it was there already"
contains "$(imgb copy --progress plain "docker://$registry/team/app:1" "docker://$registry/other/app:1" 2>&1)" "0 blobs copied (0 B), 2 mounted"
skopeo --insecure-policy copy -q --src-tls-verify=false --authfile "$work/auth.json" "docker://$registry/team/app:1" "docker-archive:$work/old.tar:old:1"
imgb copy -q "docker-archive:$work/old.tar:old:1" old:1 >/dev/null
contains "$(imgb run --rm --network none old:1 echo it runs)" "it runs"
exits_with 1 imgb copy "oci:$work/layout:none" "docker://$registry/x:1"
contains "$(cat "$work/err")" "there is v1"
exits_with 2 imgb copy dir:/tmp "docker://$registry/x:1"

# --- a copy that was killed goes on where it was, and leaves nothing half-written under a name.
head -c 60000000 /dev/urandom >"$work/base/large"
printf 'FROM app:1\nCOPY large /large\n' >"$work/base/Dockerfile"
imgb build -q -t large:1 "$work/base" >/dev/null
imgb push -q large:1 "$registry/team/large:1" >/dev/null
imgb copy -q "docker://$registry/team/large:1" "oci:$work/whole:1" >/dev/null
mkdir -p "$work/part/ingest"
layer=$(jq -r '.layers[-1].digest | .[7:]' "$work/whole/blobs/sha256/$(jq -r '.manifests[0].digest | .[7:]' "$work/whole/index.json")")
head -c 40000000 "$work/whole/blobs/sha256/$layer" >"$work/part/ingest/sha256-$layer"  # as a kill leaves it
before=$(stat -c %i "$work/part/ingest/sha256-$layer")
imgb copy -q "docker://$registry/team/large:1" "oci:$work/part:1" >/dev/null
equal "$(stat -c %i "$work/part/blobs/sha256/$layer")" "$before" "the part was gone on with"
cmp "$work/whole/blobs/sha256/$layer" "$work/part/blobs/sha256/$layer"
[[ ! -e $work/part/ingest ]] || fail "parts are left: $(ls "$work/part/ingest")"

# --- conversion: the same bytes each time.
zstd=$(imgb push -q --compression zstd app:1 "$registry/team/zstd:1")
equal "$(imgb push -q --compression zstd app:1 "$registry/team/zstd:2" | cut -d@ -f2)" "${zstd#*@}"
contains "$(imgb inspect --remote --raw "$registry/team/zstd:1")" "tar+zstd"
contains "$(imgb push -q --format docker app:1 "$registry/team/docker:1"; imgb inspect --remote --raw "$registry/team/docker:1")" \
  "vnd.docker.distribution.manifest.v2+json"

# --- several platforms under one name, from here and from there.
for arch in amd64 arm64 s390x; do
  printf 'FROM scratch\nCOPY Dockerfile /%s\n' "$arch" >"$work/base/Dockerfile"
  imgb build -q --platform "linux/$arch" -t "$registry/team/one:$arch" "$work/base" >/dev/null
done
imgb push -q --platform linux/s390x "$registry/team/one:s390x" >/dev/null
imgb rmi "$registry/team/one:s390x" >/dev/null
index=$(imgb index create -q --push --annotation org.example=yes "$registry/team/many:1" "$registry/team/one:amd64" \
  "$registry/team/one:arm64" "docker://$registry/team/one:s390x")
contains "$(skopeo inspect --raw --tls-verify=false "docker://$registry/team/many:1")" '"architecture":"s390x"'
equal "$(imgb index inspect --raw "docker://$registry/team/many:1" | sha256sum | cut -d' ' -f1)" "${index#*@sha256:}"
equal "$(imgb copy -q "docker://$registry/team/many:1" "oci:$work/many:1")" "${index#*@}" "all platforms, as they are"
contains "$(imgb copy --progress quiet --platform linux/amd64 --platform linux/s390x "docker://$registry/team/many:1" \
  "docker://$registry/team/two:1" 2>&1)" "is a new one"
equal "$(imgb inspect --remote --platform linux/s390x "$registry/team/two:1" | jq -r '.[0] | "\(.Manifests | length) \(.Architecture)"')" "2 s390x"
exits_with 1 imgb index create twice:1 app:1 "$registry/team/many:1"
contains "$(cat "$work/err")" "two images for linux/amd64"

# --- what refers to an image is found and goes along, in a registry that has only the fallback tag.
subject=$(imgb inspect --remote -f '{{.Digest}}' "$registry/team/app:1")
python3 - "$registry" "$subject" "$(imgb inspect --remote --raw "$registry/team/app:1" | wc -c)" <<'END'
import base64, hashlib, json, sys, urllib.request
registry, subject, size = sys.argv[1:]
auth = {"Authorization": "Basic " + base64.b64encode(b"alice:wonder land").decode()}
def call(method, path, body=None, type="application/octet-stream"):
    url = path if path.startswith("http") else f"http://{registry}/v2/team/app/{path}"
    return urllib.request.urlopen(urllib.request.Request(url, data=body, method=method, headers={**auth, "Content-Type": type}))
def blob(body):
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    place = call("POST", "blobs/uploads/", b"").headers["Location"]
    call("PUT", place + "&digest=" + digest, body)
    return digest
manifest, index = ("application/vnd.oci.image.%s.v1+json" % kind for kind in ("manifest", "index"))
body = json.dumps({"schemaVersion": 2, "mediaType": manifest, "artifactType": "text/sig",
    "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": blob(b"{}"), "size": 2},
    "layers": [{"mediaType": "text/sig", "digest": blob(b"signed"), "size": 6}],
    "subject": {"mediaType": manifest, "digest": subject, "size": int(size)}}).encode()
digest = "sha256:" + hashlib.sha256(body).hexdigest()
call("PUT", "manifests/" + digest, body, manifest)
entry = {"mediaType": manifest, "digest": digest, "size": len(body), "artifactType": "text/sig"}
call("PUT", "manifests/" + subject.replace(":", "-"), json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": [entry]}).encode(), index)
END
contains "$(imgb inspect --remote --referrers -f '{{json .Referrers}}' "$registry/team/app:1")" "text/sig"
imgb copy -q --referrers "docker://$registry/team/app:1" "oci:$work/signed:1" >/dev/null
imgb copy -q --referrers "oci:$work/signed:1" "docker://$registry/signed/app:1" >/dev/null
contains "$(imgb inspect --remote --referrers -f '{{json .Referrers}}' "$registry/signed/app:1")" "text/sig"

# --- tags and deletion.
contains "$(imgb search-tags "$registry/team/one")" s390x
contains "$(imgb search-tags --limit 1 "$registry/team/zstd" 2>&1)" "more than these 1"
exits_with 1 imgb delete "$registry/team/zstd:1"  # this registry deletes by digest only
contains "$(cat "$work/err")" "imgb delete $registry/team/zstd@sha256:"
imgb delete "$registry/team/zstd@${zstd#*@}" >/dev/null
exits_with 1 imgb inspect --remote "$registry/team/zstd:1"

# --- logout.
contains "$(imgb logout "$registry")" "Removed login credentials"
exits_with 1 imgb search-tags "$registry/team/one"
exits_with 1 imgb logout "$registry"
