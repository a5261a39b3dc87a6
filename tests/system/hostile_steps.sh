# RUN steps of strangers: what they leave behind harms neither the reading of their layer nor the next step, the next build or
# the cleaning up (V30, V34, V82, V87, V89, V91, V92).
. "$SOURCE/tests/system/lib.sh"

canary=$work/canary
mkdir -p "$canary" "$work/ctx" "$work/image"
echo untouched >"$canary/victim"
echo file >"$work/ctx/f"
load_image() { # load_image ENTRIES [ARCHITECTURE]
  rm -rf "$work/image"
  python3 -c "
from forge import *
import json
layers = [program_layer([$1])]
layout('$work/image', layers, whole_config=json.dumps({'architecture': '${2:-amd64}', 'os': 'linux', 'config': {'Env': ['PATH=/bin']},
  'rootfs': {'type': 'layers', 'diff_ids': [digest(layer) for layer in layers]}}).encode())"
  imgb load -q -i "$work/image" >/dev/null
}
# builds CODE DOCKERFILE-LINES [FLAGS...]
builds() {
  local code=$1
  printf 'FROM evil:1\n%b\n' "$2" >"$work/ctx/Dockerfile"
  shift 2
  exits_with "$code" imgb build --progress plain "$@" -t made:1 "$work/ctx"
  equal "$(cat "$canary/victim")" untouched "the canary"
  equal "$(ls "$canary")" victim "the canary's folder"
}
load_image ""

# --- V82, V91: nothing of a step goes on when its layer is read
builds 0 'RUN (setsid sh -c "while :; do echo x >> /grow; done" >/dev/null 2>&1 &); while ! test -s /grow; do :; done\nRUN a=$(stat -c %s /grow); sleep 1; test $a = $(stat -c %s /grow)'

# --- V91, V22: trees that readers trip over
cat >"$work/ctx/tree.sh" <<EOF
set -e
mkdir /t; cd /t
ln -s / root; ln -s $canary out; ln -s /proc/self/environ environ; ln -s loop loop
mkdir closed; echo x > closed/f; chmod 000 closed
mkfifo fifo; touch "\$(printf 'new\\nline')" "\$(printf '\\033[2J')" "\$(printf '\\377\\376')" -- '-rf' 'back\\slash'
touch \$(printf '%0255d' 0)
ln /bin/busybox hard
chmod 7777 .
i=0; while test \$i -lt 500; do mkdir d; cd d; i=\$((i+1)); done; echo bottom > f
EOF
builds 0 'COPY tree.sh /\nRUN sh /tree.sh\nRUN cd /t && test -p fifo && test -h out && test -h loop && test -f closed/f && test -f "$(printf "new\\\\nline")" && test -f ./-rf && test -d d/d/d'
builds 0 'COPY tree.sh /\nRUN sh /tree.sh\nRUN rm -rf /t\nRUN ! test -e /t'
imgb save -o "$work/out.tar" made:1
imgb fsck >/dev/null

# --- COPY --from of what is no file, and of links
builds 0 'FROM evil:1\nRUN mkfifo /x\nFROM evil:1\nCOPY --from=1 /x/.. /y/../../../..'"$canary"'/z'
for special in 'mkfifo /x' "ln -s $canary/victim /x" "ln -s ../../../../../..$canary /x" 'ln -s x /x' 'mkdir /x; mkfifo /x/p; ln -s '"$canary"' /x/l'; do
  printf 'FROM evil:1\nRUN %s\nFROM evil:1\nCOPY --from=0 /x /y\nRUN test -z "$(find /y -type f -exec cat {} +)"\n' "$special" >"$work/ctx/Dockerfile"
  code=0
  timeout 60 "$IMGB" build -q --no-cache "$work/ctx" >"$work/out" 2>"$work/err" || code=$?
  [[ $code -lt 2 ]] || fail "COPY --from of '$special' ends with $code: $(cat "$work/err")"
  lacks "$(cat "$work/err")" untouched
done

# --- V30, V31: what another build left in a cache
builds 0 'RUN --mount=type=cache,id=c,target=/c ln -s '"$canary"' /c/out; ln -s ../../../../.. /c/up; mkdir /c/dir; ln -s /etc /c/etc; mkfifo /c/fifo'
builds 1 'FROM evil:1 AS s\nRUN ln -s '"$canary"' /m\nFROM evil:1\nRUN --mount=type=bind,from=s,source=/m,target=/h cat /h/victim'
for target in /c/out/x /c/up/x /c/etc/x; do
  builds 0 "RUN --mount=type=cache,id=c,target=/c --mount=type=tmpfs,target=$target true" --no-cache
done
builds 0 'RUN --mount=type=cache,id=../../../../etc,target=/c touch /c/mine; test $(ls /c | wc -l) = 1'
[[ ! -e /etc/mine && ! -e $work/mine && ! -e $IMGB_ROOT/mine ]] || fail "a cache's name is no path"

# --- V34: a writable bind of the context is thrown away
builds 0 'RUN --mount=type=bind,rw,target=/c echo changed > /c/f; ln -s '"$canary"' /c/l; rm /c/tree.sh'
equal "$(cat "$work/ctx/f")" file "the context"
[[ -e $work/ctx/tree.sh && ! -L $work/ctx/l ]] || fail "a step changed the context"

# --- V87: floods end, and cost no memory
/usr/bin/env python3 - "$IMGB" "$work" <<'PY'
import resource, subprocess, sys
imgb, work = sys.argv[1:]
open(work + '/ctx/Dockerfile', 'w').write('FROM evil:1\nRUN yes | head -c 60000000; printf "%30000000d" 0\n')
done = subprocess.run([imgb, 'build', '--progress', 'plain', '--no-cache', work + '/ctx'], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, timeout=120)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
assert done.returncode == 0, done
assert peak < 256, f'{peak} MiB'
PY
builds 1 'RUN kill -9 -1; kill -9 1; kill -9 $$'
mark=86398.$$
builds 0 "RUN (trap '' TERM HUP INT; setsid sleep $mark &) ; (sleep $mark &) ; true"
finds_nothing "a step's processes live on" pgrep -af "sleep $mark"

# --- V89: no emulator is run that an image names
load_image "entry('bin/qemu-aarch64-static', data=b'#!/bin/sh', mode=0o755)" arm64
builds 0 'RUN true' --platform linux/arm64

# --- containers that change what exec and stop read
load_image "entry('etc', folder), entry('etc/passwd', data=b'www:x:33:33::/:/bin/sh')"
imgb run -d --name attacker evil:1 sleep 1000 >/dev/null
echo 'www:x:44:44::/:/bin/sh' >"$canary/passwd"
imgb exec attacker sh -c "rm /etc/passwd; ln -s $canary/passwd /etc/passwd"
exits_with 1 imgb exec -u www attacker id -u
contains "$(cat "$work/err")" "unable to find user www"
imgb exec attacker sh -c 'rm /etc/passwd; mkfifo /etc/passwd; ln -s /proc/self/environ /etc/group'
exits_with 1 imgb exec -u www attacker true
exits_with 0 imgb exec -u 33 attacker true
for folder in /proc/1/cwd /proc/self/fd/3 /proc/1/root; do
  exits_with 1 imgb exec -w "$folder" attacker cat "../../../../../..$canary/victim"
  lacks "$(cat "$work/out")" untouched
done
imgb exec attacker sh -c 'rm /bin/true; ln -s /proc/self/exe /bin/true'
before=$(sha256sum <"$IMGB")
exits_with 126 imgb exec attacker /bin/true
exits_with 1 imgb exec attacker sh -c 'for p in /proc/[0-9]*; do echo x > $p/exe; done'
equal "$(sha256sum <"$IMGB")" "$before" "the program"
imgb stop -t 1 attacker >/dev/null
imgb rm attacker >/dev/null

# --- V92: all of it can be removed, and nothing else is
exits_with 0 imgb rmi -f made:1 evil:1
exits_with 0 imgb prune -af
equal "$(cat "$canary/victim")" untouched "after prune"
imgb fsck >/dev/null
