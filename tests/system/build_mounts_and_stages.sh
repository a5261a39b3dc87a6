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
# Each stage waits until all four have come, which they only do when they run at once.
echo 'for try in $(seq 300); do test -e /m/a -a -e /m/b -a -e /m/c -a -e /m/d && exit; sleep 0.1; done; exit 9' >meet
cat >Dockerfile <<'END'
FROM base AS meeting
COPY meet /
FROM meeting AS a
RUN --mount=type=cache,id=meeting,target=/m echo a > /a; touch /m/a; sh /meet
FROM meeting AS b
RUN --mount=type=cache,id=meeting,target=/m echo b > /b; touch /m/b; sh /meet
FROM meeting AS c
RUN --mount=type=cache,id=meeting,target=/m echo c > /c; touch /m/c; sh /meet
FROM meeting AS d
RUN --mount=type=cache,id=meeting,target=/m echo d > /d; touch /m/d; sh /meet
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
out=$(imgb build --progress plain --network none --secret id=s,src="$work/secret" -t result . 2>&1) || fail "$out"
test ! -e new || fail "a write to a bind mount reached the context"
lacks "$out" canary-5f2a
finds_nothing "the secret is in the store" grep -rl canary-5f2a "$IMGB_ROOT"

# The cache survives --no-cache, everything else is found again.
again=$(imgb build --progress plain --network none --secret id=s,src="$work/secret" . 2>&1)
test "$(grep -c ' CACHED$' <<<"$again")" -ge 13 || fail "not all was found again: $again"
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
