#!/bin/bash
# Every line of docs/ci.md that calls imgb works as it stands there.
source "$(dirname "$0")/lib.sh"
export REGISTRY=127.0.0.1:$(free_port)
python3 -c 'import crypt; print("team:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$work/htpasswd"
cat >"$work/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
auth: {htpasswd: {realm: here, path: $work/htpasswd}}
http: {addr: "$REGISTRY"}
END
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
background+=($!)
wait_until 20 curl -s "http://$REGISTRY/v2/"

export IMAGE=$REGISTRY/team/app COMMIT=0123abc RESULT=$work/result HOME=$work XDG_RUNTIME_DIR=$work
export REGISTRY_AUTH_FILE=$work/auth.json
export REGISTRY_USER=team REGISTRY_PASSWORD=secret CI_REGISTRY_USER=team CI_REGISTRY_PASSWORD=secret
mkdir "$work/context"
git -C "$work/context" init -q
cp /bin/busybox "$work/context/busybox"
printf 'FROM scratch\nCOPY busybox /bin/sh\nCOPY Dockerfile /\nCMD ["/bin/sh"]\n' >"$work/context/Dockerfile"
python3 "$(dirname "$0")/ci_recipes.py" "$SOURCE/docs/ci.md" "$work/context"
[[ ! -s $work/auth.json ]] || lacks "$(cat "$work/auth.json")" "$REGISTRY"  # the last line logs out
