#!/bin/bash
# What is in a store, in a folder of another tool or in a tar is pulled by other tools as it is, and nothing can be changed.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/serve_lib.sh"

base_image base:1
printf 'FROM base:1\nRUN echo built > /built\n' >"$work/base/Dockerfile"
imgb build -q --network none -t team/app:1 -t quay.io/team/app:2 "$work/base" >/dev/null
digest=$(imgb inspect -f '{{.Descriptor.digest}}' team/app:1)

serve
equal "$(curl -s "http://$server/v2/_catalog")" '{"repositories":["library/base","quay.io/team/app","team/app"]}'
equal "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$server/team/app:1")" "$digest"
equal "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$server/quay.io/team/app:2")" "$digest"
skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$server/team/app@$digest" "oci:$work/layout:1.0"
equal "$(curl -s "http://$server/v2/team/app/manifests/2?ns=quay.io" | sha256sum | cut -d' ' -f1)" "${digest#sha256:}"

# Images that come while it serves are there; imgb pulls them too.
imgb tag team/app:1 team/late:3
imgb --root "$work/second" pull -q "$server/team/late:3" >/dev/null
equal "$(imgb --root "$work/second" run --rm --network none "$server/team/late:3" cat /built)" built

# The page for people, and what it asks for beside the registry itself: the files of a layer.
contains "$(curl -si "http://$server/")" "Content-Security-Policy: default-src 'none'"
layer=$(skopeo inspect --raw --tls-verify=false "docker://$server/team/app:1" | jq -r '.layers[-1].digest')
equal "$(curl -s "http://$server/_imgb/files/team/app/$layer" | jq -r '.files[] | select(.path == "/built") | .type')" file
equal "$(code "http://$server/_imgb/files/team/none/$layer")" 404

# It is read-only.
equal "$(code -X DELETE "http://$server/v2/team/app/manifests/1")" 405
equal "$(code -X POST "http://$server/v2/team/app/blobs/uploads/")" 405
exits_with 1 skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$work/layout:1.0" "docker://$server/team/new:1"

# What runs ends by itself when the server is stopped, and its end is no failure.
kill -TERM "$server_pid"
wait "$server_pid" || fail "it ends with $?"
contains "$(cat "$work/serve.log")" "GET /v2/team/app/manifests/1"

# A layout of another tool: its tags are the folder's.
serve "$work/layout"
equal "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$server/layout:1.0")" "$digest"

# A tar of it, in place. One that is put in its place is served next.
tar -C "$work/layout" -cf "$work/mirror.tar" oci-layout index.json blobs
serve "$work/mirror.tar"
imgb --root "$work/third" pull -q "$server/mirror:1.0" >/dev/null
equal "$(imgb --root "$work/third" run --rm --network none "$server/mirror:1.0" cat /built)" built
imgb save --format oci-archive -o "$work/next.tar" base:1
mv "$work/next.tar" "$work/mirror.tar"
contains "$(curl -s "http://$server/v2/_catalog")" '"library/base"'

exits_with 1 imgb serve "$work/none"
contains "$(cat "$work/err")" "there is no"
exits_with 1 imgb serve "$work/base"
contains "$(cat "$work/err")" "no OCI image layout"
gzip -k "$work/mirror.tar"
exits_with 1 imgb serve "$work/mirror.tar.gz"
contains "$(cat "$work/err")" "tar"
exits_with 1 imgb serve --addr "$server" "$work/layout"
contains "$(cat "$work/err")" "$server"
