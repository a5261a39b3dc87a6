#!/bin/bash
# Where no namespaces may be made, as in a container without privileges, images are built and run all the same, and are the
# same images. What cannot be had is said.
source "$(dirname "$0")/lib.sh"
((EUID == 0)) || skip "needs root to give up what a container lacks"
: "${REFUSE:?the program that refuses system calls}"
base_image base
as_container() { timeout 120 "$REFUSE" docker -- "$@"; }
export SOURCE_DATE_EPOCH=1000000000
inside=$work/inside
in_container() { IMGB_ROOT=$inside as_container "$IMGB" "$@"; }
mkdir -p "$work/etc/etc"
printf 'FROM base\nCOPY etc /etc/\n' >"$work/etc/Dockerfile"
imgb build -q -t base "$work/etc" >/dev/null
imgb save --format oci-archive -o "$work/base.tar" base
in_container load -q -i "$work/base.tar" >/dev/null

# One Dockerfile, both ways: the same digests. All that a step can do to a tree.
mkdir "$work/context"
cat >"$work/context/Dockerfile" <<'END'
FROM base AS first
WORKDIR /work
RUN mkdir -p /etc /d/deep && echo a >/d/a && echo b >/d/deep/b && ln /d/a /d/linked && ln -s a /d/s && echo gone >/gone
RUN rm -r /d && mkdir /d && echo new >/d/new && rm /gone && chmod 700 /etc
RUN mkdir /m && echo 1 >/m/1 && mv /m /moved && echo keep >/k && chown -R 5:6 /moved
COPY file /copied/
RUN --mount=type=bind,target=/context,rw cat /context/file >/seen && echo x >/context/dropped
RUN --mount=type=cache,target=/cache,id=c echo 1 >>/cache/log && cp /cache/log /log1
RUN --mount=type=cache,target=/cache,id=c echo 2 >>/cache/log && cp /cache/log /log2
RUN --mount=type=tmpfs,target=/t echo t >/t/t && test -w /t
RUN --mount=type=secret,id=s,target=/run/secrets/mine wc -c </run/secrets/mine >/length && rm -f /k
RUN <<SCRIPT
#!/bin/sh
echo from a heredoc >/heredoc
echo to nowhere >/dev/null
head -c 3 /dev/zero | wc -c >/zeros
SCRIPT
RUN touch /moved/1 && chmod 600 /copied/file && echo "$HOSTNAME" >/dev/null
FROM base
COPY --from=first / /all
RUN --network=none ! wget -q -O- http://127.0.0.1:1/ && test -s /all/heredoc
END
echo content >"$work/context/file"
echo -n secret >"$work/secret"
build=(build -q --no-cache --network host --allow network.host --secret "id=s,src=$work/secret" "$work/context")
want=$(imgb "${build[@]}")
got=$(in_container "${build[@]}" 2>"$work/err")
equal "$got" "$want" "the image that is built in a container"
exits_with 1 imgb --root "$work/explicit" "${build[@]}" --isolation=chroot --build-context base="oci-layout://$work/none"
contains "$(cat "$work/err")" "$work/none"
in_container build --network host "$work/context" --secret "id=s,src=$work/secret" >/dev/null 2>"$work/err"
contains "$(cat "$work/err")" "CACHED"
rm -rf "$inside/snapshots" "$inside/cache-mounts"
equal "$(in_container "${build[@]}" 2>/dev/null)" "$want" "the image when nothing is unpacked"

# It is said, once and in one line.
printf 'FROM base\nRUN true\nRUN true\n' >"$work/context/Dockerfile"
in_container build --no-cache --network host "$work/context" >/dev/null 2>"$work/err"
equal "$(grep -c 'isolation=chroot' "$work/err")" 1 "how often it is said"

# What is asked for and cannot be had is refused, by name.
exits_with 1 in_container build --isolation=namespace --no-cache "$work/context"
contains "$(cat "$work/err")" "no namespaces"
exits_with 125 in_container run --rm --read-only base true
contains "$(cat "$work/err")" "--read-only"
mkdir "$work/shared"
exits_with 125 in_container run --rm -v "$work/shared:/shared" base true
contains "$(cat "$work/err")" "/shared"
exits_with 125 in_container run --rm --privileged base true
contains "$(cat "$work/err")" "--privileged"

# Steps keep to their tree: nothing of the container's files, no capability, no new rights, no devices, no signals out.
echo canary >"$work/canary"
cat >"$work/probe.sh" <<END
for path in $work/canary /proc/1/root$work/canary ../../../../../..$work/canary; do cat \$path 2>/dev/null && echo REACHED \$path; done
mkdir -p /tmp/x && chroot /tmp/x /bin/true 2>/dev/null && echo CHROOT
mknod /tmp/node b 8 0 2>/dev/null && echo NODE
ls /proc | grep -q . && echo PROC
mount -t tmpfs none /tmp/x 2>/dev/null && echo MOUNT
exit 0
END
cp "$work/probe.sh" "$work/context/probe.sh"
printf 'FROM base\nRUN mkdir -p /tmp\nCOPY probe.sh /\nRUN sh /probe.sh\n' >"$work/context/Dockerfile"
in_container build --no-cache --network host --progress plain "$work/context" >/dev/null 2>"$work/err"
for word in REACHED CHROOT NODE PROC MOUNT canary; do finds_nothing "$word" grep "^#.*$word$" "$work/err"; done

# Nothing is left behind, whatever a step started, and however it ends.
printf 'FROM base\nRUN (setsid sleep 4711 &) ; (sleep 4711 &) ; true\n' >"$work/context/Dockerfile"
in_container build --no-cache --network host "$work/context" >/dev/null 2>&1
finds_nothing "a process of the step" pgrep -f "sleep 4711"
printf 'FROM base\nRUN (setsid sleep 4712 &) ; sleep 4712\n' >"$work/context/Dockerfile"
for signal in TERM KILL; do
  IMGB_ROOT=$inside "$REFUSE" docker -- "$IMGB" build --no-cache --network host "$work/context" >/dev/null 2>&1 &
  builder=$!
  background+=("$builder")
  wait_until 20 pgrep -f "sleep 4712"
  kill -"$signal" "$builder"
  gone() { ! pgrep -f "sleep 4712"; }
  wait_until 10 gone
done

# Containers.
equal "$(in_container run --rm base echo hello 2>/dev/null)" hello "run"
exits_with 7 in_container run --rm base sh -c 'exit 7'
exits_with 127 in_container run --rm base nothing
equal "$(in_container run --rm --user 5:6 base id 2>/dev/null)" "$(imgb run --rm --user 5:6 base id)" "--user"
exits_with 0 in_container run --rm base sh -c 'grep NoNewPrivs: /proc/self/status || echo no proc'

# Without the right to chroot there is no way, and it is said what is missing.
exits_with 1 env IMGB_ROOT="$inside" timeout 60 "$REFUSE" docker -- setpriv --bounding-set -sys_chroot --inh-caps -all "$IMGB" build --no-cache --network host "$work/context"
contains "$(cat "$work/err")" "neither namespaces nor chroot"
contains "$(cat "$work/err")" "SYS_CHROOT"
