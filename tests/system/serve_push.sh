#!/bin/bash
# What other tools push is an image of the store, and comes back as it was; users, TLS and deletion; what breaks leaves nothing.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/serve_lib.sh"

base_image base:1
head -c 3000000 /dev/urandom >"$work/base/large"
printf 'FROM base:1\nCOPY large /large\n' >"$work/base/Dockerfile"
imgb build -q -t app:1 "$work/base" >/dev/null
digest=$(imgb inspect -f '{{.Descriptor.digest}}' app:1)

# Into a folder that is not there yet. imgb and skopeo push; each other's images are pulled.
serve --writable "$work/hub"
imgb push -q app:1 "$server/team/app:1" >/dev/null
skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$server/team/app:1" \
  "docker://$server/team/copy:2"
equal "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$server/team/copy:2")" "$digest"
contains "$(imgb --root "$work/hub" images --format '{{.Repository}}:{{.Tag}}')" "team/copy:2"
cmp "$work/base/large" <(imgb --root "$work/hub" run --rm --network none team/app:1 cat /large)
imgb --root "$work/second" pull -q "$server/team/copy:2" >/dev/null

# What is there is not sent again.
contains "$(imgb push --progress plain app:1 "$server/team/app:1" 2>&1)" "it was there already"
contains "$(imgb push --progress plain app:1 "$server/team/third:1" 2>&1)" "0 blobs sent"

# Deleted, it is gone; what the others need stays.
skopeo delete --tls-verify=false "docker://$server/team/copy:2"
equal "$(code "http://$server/v2/team/copy/manifests/2")" 404
equal "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$server/team/app:1")" "$digest"
layer=$(skopeo inspect --raw --tls-verify=false "docker://$server/team/app:1" | jq -r '.layers[-1].digest')
equal "$(code -X DELETE "http://$server/v2/team/app/blobs/$layer")" 405

# F26: a client that goes away in the middle of an upload leaves nothing, and another may go on where it stopped.
place=$(curl -si -X POST "http://$server/v2/team/app/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //p')
python3 - "$server" "$place" <<'END'
import socket, sys
host, port = sys.argv[1].split(":")
with socket.create_connection((host, int(port))) as s:
    s.sendall(f"PATCH {sys.argv[2]} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode() + b"a" * 100000)
END
has_100000() { [[ $(curl -si "http://$server$place" | tr -d '\r' | sed -n 's/^Range: //p') == 0-99999 ]]; }
wait_until 10 has_100000
content=$(printf 'a%.0s' {1..100000}; printf rest)
sum=$(printf %s "$content" | sha256sum | cut -d' ' -f1)
equal "$(printf rest | code -X PUT --data-binary @- -H 'Content-Type: application/octet-stream' \
  "http://$server$place?digest=sha256:$sum")" 201
equal "$(curl -s "http://$server/v2/team/app/blobs/sha256:$sum" | sha256sum | cut -d' ' -f1)" "$sum"

# A server that is killed in the middle of an upload: the store is whole, and the client's next attempt succeeds.
head -c 50000000 /dev/urandom >"$work/blob"
sum=$(sha256sum <"$work/blob" | cut -d' ' -f1)
curl -s --limit-rate 5M -X POST --data-binary @"$work/blob" "http://$server/v2/team/app/blobs/uploads/?digest=sha256:$sum" \
  >/dev/null &
upload=$!
uploading() { [[ $(ls -l "/proc/$server_pid/fd" | grep -c deleted) -gt 0 ]]; }
wait_until 10 uploading
kill -9 "$server_pid"
wait "$upload" && fail "the upload succeeds"
imgb --root "$work/hub" fsck >/dev/null
equal "$(ls -A "$work/hub/ingest")" "" "what a killed server leaves"
serve --writable "$work/hub"
equal "$(code -X POST --data-binary @"$work/blob" "http://$server/v2/team/app/blobs/uploads/?digest=sha256:$sum")" 201
kill "$server_pid"

# A full disk is said as one, and what is there goes on to be served.
mkdir "$work/small"
mount -t tmpfs -o size=24m none "$work/small" || skip "tmpfs cannot be mounted here"
at_end() { umount -l "$work/small"; }
serve --writable "$work/small/hub"
imgb push -q app:1 "$server/team/app:1" >/dev/null
equal "$(code -X POST --data-binary @"$work/blob" "http://$server/v2/team/app/blobs/uploads/?digest=sha256:$sum")" 507
equal "$(code -H 'Transfer-Encoding: chunked' -X POST --data-binary @"$work/blob" \
  "http://$server/v2/team/app/blobs/uploads/?digest=sha256:$sum")" 507
contains "$(cat "$work/body")" "disk is full"
imgb --root "$work/fourth" pull -q "$server/team/app:1" >/dev/null
kill "$server_pid"
wait "$server_pid"

# Users: bcrypt entries, made here by the C library.
entry() {
  python3 - "$@" <<'END'
import ctypes, sys
crypt = ctypes.CDLL("libcrypt.so.1").crypt
crypt.restype = ctypes.c_char_p
print(sys.argv[1] + ":" + crypt(sys.argv[2].encode(), b"$2y$05$abcdefghijklmnopqrstuu").decode())
END
}
entry alice wonderland >"$work/users"
serve --writable --htpasswd "$work/users" --tls-self-signed --tls-cert "$work/tls.crt" --tls-key "$work/tls.key" "$work/hub"
equal "$(stat -c %a "$work/tls.key")" 600
ca=(--cacert "$work/tls.crt")
equal "$(code "${ca[@]}" "https://$server/healthz")" 200
for target in / /metrics /v2/ /v2/_catalog /v2/team/app/tags/list /v2/team/app/manifests/1 "/v2/team/app/blobs/sha256:$sum"; do
  for method in GET PUT POST PATCH DELETE; do
    equal "$(code "${ca[@]}" -X "$method" "https://$server$target")" 401 "$method $target"
    equal "$(code "${ca[@]}" -u alice:wrong -X "$method" "https://$server$target")" 401 "$method $target"
  done
done
equal "$(code "${ca[@]}" -u alice:wonderland "https://$server/v2/")" 200
mkdir "$work/certs"
cp "$work/tls.crt" "$work/certs/ca.crt"
skopeo --insecure-policy copy -q --dest-cert-dir "$work/certs" --dest-creds alice:wonderland "oci:$work/hub:docker.io/team/app:1" \
  "docker://$server/by/alice:1"
equal "$(skopeo inspect --cert-dir "$work/certs" --creds alice:wonderland -f '{{.Digest}}' "docker://$server/by/alice:1")" "$digest"
# Other users apply at once; a bad file changes nothing.
entry bob builder >"$work/users"
kill -HUP "$server_pid"
bob_may() { [[ $(code "${ca[@]}" -u bob:builder "https://$server/v2/") == 200 ]]; }
wait_until 10 bob_may
equal "$(code "${ca[@]}" -u alice:wonderland "https://$server/v2/")" 401
echo broken >"$work/users"
kill -HUP "$server_pid"
said() { grep -q "the users stay" "$work/serve.log"; }
wait_until 10 said
equal "$(code "${ca[@]}" -u bob:builder "https://$server/v2/")" 200
lacks "$(cat "$work/serve.log")" wonderland
# The same certificate the next time.
kill "$server_pid"
wait "$server_pid"
cp "$work/tls.crt" "$work/before"
serve --tls-self-signed --tls-cert "$work/tls.crt" --tls-key "$work/tls.key" "$work/hub"
cmp "$work/before" "$work/tls.crt"
equal "$(code "${ca[@]}" "https://$server/v2/")" 200
imgb --root "$work/hub" fsck >/dev/null
