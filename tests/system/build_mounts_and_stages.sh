#!/bin/bash
# RUN --mount of every type but ssh, stages in parallel, and that nothing of it stays in the image.
source "$(dirname "$0")/lib.sh"
base_image base
mkdir -p "$work/ctx/sub"
cd "$work/ctx"
echo data >sub/f
echo hidden >ignored
echo ignored >.dockerignore
printf canary-5f2a >"$work/secret"
cat >Dockerfile <<'END'
FROM base AS a
RUN sleep 1; echo a > /a
FROM base AS b
RUN sleep 1; echo b > /b
FROM base AS c
RUN sleep 1; echo c > /c
FROM base AS d
RUN sleep 1; echo d > /d
FROM base
COPY --from=a /a /
COPY --from=b /b /
COPY --from=c /c /
COPY --from=d /d /
RUN --mount=type=bind,target=/ctx cat /ctx/sub/f && test ! -e /ctx/ignored && ! touch /ctx/x
RUN --mount=type=bind,rw,target=/ctx touch /ctx/new
RUN --mount=type=bind,from=a,source=/a,target=/mnt/a test "$(cat /mnt/a)" = a
RUN --mount=type=cache,target=/cache echo x >> /cache/log && wc -l < /cache/log
RUN --mount=type=secret,id=s,env=SECRET --mount=type=secret,id=s test "$(cat /run/secrets/s)" = "$SECRET"
RUN --mount=type=tmpfs,target=/t echo big > /t/file
RUN test ! -e /ctx && test ! -e /mnt && test ! -e /cache && test ! -e /run && test ! -e /t
END
started=$(date +%s%N)
out=$(imgb build --progress plain --network none --secret id=s,src="$work/secret" -t result . 2>&1) || fail "$out"
took=$((($(date +%s%N) - started) / 1000000))
((took < 3500)) || fail "four stages of one second each took $took ms: they did not run at once"
test ! -e new || fail "a write to a bind mount reached the context"
lacks "$out" canary-5f2a
grep -rqs canary-5f2a "$IMGB_ROOT" && fail "the secret is in the store"

# The cache survives --no-cache, everything else is found again.
again=$(imgb build --progress plain --network none --secret id=s,src="$work/secret" . 2>&1)
lacks "$again" "DONE 1."
contains "$again" CACHED
fresh=$(imgb build --progress plain --no-cache --network none --secret id=s,src="$work/secret" . 2>&1)
contains "$fresh" $' 2\n'

# Every form of output shows the same files.
imgb build -q --network none --secret id=s,src="$work/secret" -o "$work/folder" . >/dev/null
imgb build -q --network none --secret id=s,src="$work/secret" -o - . >"$work/root.tar"
mkdir "$work/untarred"
tar -xf "$work/root.tar" -C "$work/untarred"
diff -r --no-dereference "$work/folder" "$work/untarred" || fail "the folder and the tar differ"
equal "$(cat "$work/folder/d")" d
exits_with 1 imgb build -q --network none --secret id=s,src="$work/secret" -o type=oci,dest=/dev/full .
contains "$(cat "$work/err")" "/dev/full"
