#!/bin/bash
# A store on a file system that no overlay can be mounted over (overlayfs itself, as in a container without a volume): the
# same images, with steps in namespaces.
source "$(dirname "$0")/lib.sh"
((EUID == 0)) || skip "needs root to mount an overlay"
base_image base
export SOURCE_DATE_EPOCH=1000000000
mkdir -p "$work/context" "$work/etc/etc"
printf "FROM base\nCOPY etc /etc/\n" >"$work/etc/Dockerfile"
imgb build -q -t base "$work/etc" >/dev/null
cat >"$work/context/Dockerfile" <<'END'
FROM base
RUN mkdir -p /d/deep /etc && echo a >/d/a && ln /d/a /d/linked && echo b >/d/deep/b
RUN rm -r /d/deep && mkdir /d/deep && mv /d/a /d/deep/ && touch /etc
COPY Dockerfile /etc/
RUN --mount=type=cache,target=/cache echo 1 >>/cache/log && chmod 4755 /etc/Dockerfile && test -d /proc/1 && test -c /dev/null
END
want=$(imgb build -q --no-cache --network none "$work/context")
imgb save --format oci-archive -o "$work/base.tar" base

on_overlay() {
  unshare -m bash -ec 'mount -t tmpfs none "$1"; cd "$1"; mkdir lower upper work merged
    mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged
    export IMGB_ROOT=$1/merged/store
    timeout 60 "$2" load -q -i "$3" >/dev/null; exec timeout 120 "$2" build -q --no-cache --network none "$4"' - \
    "$work/mounted" "$IMGB" "$work/base.tar" "$work/context"
}
mkdir "$work/mounted"
equal "$(on_overlay 2>"$work/err")" "$want" "the image of a store on an overlay"
contains "$(cat "$work/err")" "over which no overlay can be mounted"
