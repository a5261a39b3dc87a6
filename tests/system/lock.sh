#!/bin/bash
# Lock files: what a build took from outside, by digest; taken again exactly, without asking, and without a network.
source "$(dirname "$0")/lib.sh"
start_registry
base_image "$registry/base:1"
imgb push -q "$registry/base:1" >/dev/null
imgb tag "$registry/base:1" "$registry/tools:1"
imgb push -q "$registry/tools:1" >/dev/null
mkdir "$work/www" "$work/app"
echo file >"$work/www/file"
web=$(free_port)
python3 -m http.server -d "$work/www" -b 127.0.0.1 "$web" >"$work/web.log" 2>&1 &
background+=($!)
wait_until 20 curl -sf "http://127.0.0.1:$web/file"
cat >"$work/app/Dockerfile" <<END
FROM $registry/base:1
ADD http://127.0.0.1:$web/file /file
COPY --from=$registry/tools:1 /bin/busybox /tools
RUN cat /file
END
lock=$work/app/imgb.lock
site=site
site() { imgb --root "$work/$site" build --progress plain "$@" "$work/app"; }
cut_off() { unshare -n sh -c 'ip link set lo up; exec "$@"' sh timeout 120 "$IMGB" --root "$work/$site" build --progress plain --network none "$@" "$work/app"; }

# It says what was used, in full, sorted, and the same again.
imgb build -q --lock "$lock" -t app "$work/app" >/dev/null
base=$(imgb inspect -f '{{.Descriptor.digest}}' "$registry/base:1")
equal "$(jq -r '.images[].image' "$lock")" "$registry/base:1@$base"$'\n'"$registry/tools:1@$base"
equal "$(jq -r '.urls[0].digest' "$lock")" "sha256:$(sha256sum <"$work/www/file" | cut -d' ' -f1)"
cp "$lock" "$work/first.lock"
imgb build -q --lock "$lock" "$work/app" >/dev/null
cmp "$lock" "$work/first.lock"

# The tags move on; a locked build on another machine takes what they meant.
mkdir "$work/newer"
printf 'FROM %s/base:1\nLABEL a=b\n' "$registry" >"$work/newer/Dockerfile"
imgb build -q --push -t "$registry/base:1" "$work/newer" >/dev/null
site --locked -t app >/dev/null 2>"$work/log"
lacks "$(imgb --root "$work/$site" inspect app)" '"a": "b"'
site -t newer >/dev/null 2>"$work/log"
contains "$(imgb --root "$work/$site" inspect newer)" '"a": "b"'
cmp "$lock" "$work/first.lock"

# What is not in it is refused, all of it at once, before anything runs.
cp "$work/app/Dockerfile" "$work/Dockerfile.was"
printf 'COPY --from=%s/more:1 / /more\nADD http://127.0.0.1:%s/other /\n' "$registry" "$web" >>"$work/app/Dockerfile"
exits_with 1 imgb --root "$work/$site" build --locked "$work/app"
contains "$(cat "$work/err")" "imgb.lock does not have: image $registry/more:1 for linux/"
contains "$(cat "$work/err")" "http://127.0.0.1:$web/other (Dockerfile:6)"
contains "$(cat "$work/err")" "imgb build --lock"
cp "$work/Dockerfile.was" "$work/app/Dockerfile"
echo changed >"$work/www/file"
exits_with 1 imgb --root "$work/empty" build --locked "$work/app"
contains "$(cat "$work/err")" "http://127.0.0.1:$web/file is sha256:"
contains "$(cat "$work/err")" "imgb.lock says sha256:"
exits_with 1 imgb build --locked --lock "$work/none.lock" "$work/app"
contains "$(cat "$work/err")" "imgb build --lock $work/none.lock makes it"
echo '{"imgbLock":1,"images":[{"name":"x"}]}' >"$work/bad.lock"
exits_with 1 imgb build --locked --lock "$work/bad.lock" "$work/app"
contains "$(cat "$work/err")" "bad.lock: platform is missing"
exits_with 2 imgb build --locked --pull "$work/app"

# Without a network at all: what is here is enough.
cut_off --offline --locked --no-cache -t again >/dev/null 2>"$work/log" || fail "$(cat "$work/log")"
equal "$(imgb --root "$work/$site" run --rm --network none again cat /file)" file
# Or all that is missing is named at once, with what to do.
site=bare
code=0
cut_off --offline --locked >/dev/null 2>"$work/err" || code=$?
equal "$code" 1
for missing in "image $registry/base:1 for" "image $registry/tools:1 for" "http://127.0.0.1:$web/file"; do contains "$(cat "$work/err")" "$missing"; done
contains "$(cat "$work/err")" "imgb mirror create --from"
exits_with 2 imgb build --offline --push -t "$registry/x:1" "$work/app"

# The images of a lock file go into a mirror, and from there into the store of a place without a network.
grep -v ADD "$work/app/Dockerfile" | sed 's#cat /file#true#' >"$work/Dockerfile.images"
cp "$work/Dockerfile.images" "$work/app/Dockerfile"
imgb mirror create --from "$lock" -o "$work/mirror" >/dev/null 2>"$work/log" || fail "$(cat "$work/log")"
for image in $(jq -r '.images[].image' "$lock"); do
  imgb --root "$work/$site" copy "oci:$work/mirror:$image" "$image" >/dev/null 2>"$work/log" || fail "$(cat "$work/log")"
done
cut_off --offline --locked -t again >/dev/null 2>"$work/log" || fail "$(cat "$work/log")"
