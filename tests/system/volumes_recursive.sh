#!/bin/bash
# -v and type=bind bring what is mounted below the source, read-only all of it where asked; mounts that are made later are
# seen on their own side alone.
source "$(dirname "$0")/lib.sh"
if [[ $(id -u) == 0 && -z ${OWN_MOUNTS:-} ]]; then
  export OWN_MOUNTS=1
  exec unshare -m --propagation shared bash "$0"
fi
((EUID == 0)) || skip "only root may mount"
base_image base
mkdir -p "$work/a/sub"
mount -t tmpfs none "$work/a/sub"
at_end() { umount -l "$work/a/sub"; }
echo deep >"$work/a/sub/file"
inside() { imgb run --rm --network none "$@"; }
equal "$(inside -v "$work/a:/v" base sh -c 'echo new >/v/sub/new; cat /v/sub/file')" "deep" "-v"
equal "$(cat "$work/a/sub/new")" "new" "a write below a mount"
equal "$(inside --mount "type=bind,src=$work/a,dst=/v" base cat /v/sub/file)" "deep" "type=bind"
exits_with 1 inside -v "$work/a:/v:ro" base touch /v/sub/x
exits_with 1 inside --security=compat -v "$work/a:/v:ro" base touch /v/sub/x
contains "$(inside -v /:/host:ro base cat /host/proc/self/mountinfo 2>/dev/null)" "/host"

imgb run -d --network none --cap-add SYS_ADMIN --name both -v "$work/a:/v" base sleep 86399 >/dev/null
imgb exec both sh -c 'mkdir /v/inside && mount -t tmpfs none /v/inside && : >/v/inside/secret'
[[ ! -e $work/a/inside/secret ]] || fail "a mount of the container is seen on the host"
mkdir "$work/a/outside"
mount -t tmpfs none "$work/a/outside"
: >"$work/a/outside/secret"
exits_with 1 imgb exec both test -e /v/outside/secret
umount "$work/a/outside"
imgb rm -f both >/dev/null
