# Everything as an ordinary user, with a range of ids and without; the same bytes as root makes.
. "$SOURCE/tests/system/lib.sh"

# Debian's udev gives /dev/net/tun to everybody; a container's bare /dev may not.
if [[ $(id -u) == 0 && -z ${TUN_IS_OPEN:-} ]]; then
  export TUN_IS_OPEN=1
  exec unshare -m bash -c 'mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec bash "$0"' "$0"
fi

chmod 755 "$work"
cp "$IMGB" "$work/imgb"
export SOURCE_DATE_EPOCH=1000000000
user=
at_end() {
  [[ -z $user ]] && return
  as_user sh -c 'for c in $("$0" ps -aq); do "$0" rm -f "$c"; done' "$work/imgb" >/dev/null 2>&1
  userdel "$user"
}
if [[ $(id -u) == 0 ]]; then
  user=imgb-test-$$
  useradd -m -d "$work/home" -s /bin/sh "$user"
  grep -q "^$user:" /etc/subuid || usermod --add-subuids 1000000-1065535 --add-subgids 1000000-1065535 "$user"
  install -d -m 700 -o "$user" "$work/runtime"
else
  mkdir -p "$work/home" "$work/runtime"
fi
as_user() {
  local become=()
  [[ -z $user ]] || become=(setpriv --reuid "$user" --regid "$user" --init-groups --reset-env)
  (cd "$work/home" && "${become[@]}" env -u IMGB_ROOT HOME="$work/home" XDG_RUNTIME_DIR="$work/runtime" PATH="$PATH" \
    SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH "$@")
}
mine() { as_user timeout 120 "$work/imgb" "$@"; }

# A base in a registry, which both pull.
base_image base:1
start_registry
publish base:1 base:1
mkdir -p "$work/home/.config/containers"
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$registry" >"$work/home/.config/containers/registries.conf"
export CONTAINERS_REGISTRIES_CONF=$work/home/.config/containers/registries.conf
mine pull -q "$registry/base:1" >/dev/null
contains "$(mine images)" "$registry/base"
[[ -d $work/home/.local/share/imgb/blobs ]] || fail "the store is not below HOME"

mkdir "$work/home/context"
echo content >"$work/home/context/file"
cat >"$work/home/context/Dockerfile" <<EOF
FROM $registry/base:1
RUN mkdir -p /etc /home/app && printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n' >/etc/passwd \\
 && printf 'root:x:0:\napp:x:1001:\n' >/etc/group && chown app:app /home/app
COPY --chown=33:44 file /owned
COPY --chown=app file /home/app/
RUN --mount=type=cache,target=/cache echo once >>/cache/log && cp /cache/log /log && chown 5:6 /log
USER app
RUN id >/home/app/id && stat -c '%u %g' /owned /log /home/app/file >/home/app/owners
CMD ["sh", "-c", "echo I am \$(id -u)"]
EOF
id=$(mine build -q -t app:1 context)
equal "$(mine run --rm app:1)" "I am 1000" "CMD as USER"
equal "$(mine run --rm app:1 cat /home/app/owners | tr '\n' ' ')" "33 44 5 6 1000 1001 " "owners"
equal "$(mine run --rm app:1 cat /log)" "once" "the cache mount was empty"
contains "$(mine export app:1 | tar --numeric-owner -tvf - owned log)" " 33/44 "
[[ -z $user ]] || equal "$(imgb build -q "$work/home/context")" "$id" "the image that root makes"
equal "$(mine build context 2>&1 | grep -c CACHED)" 5 "cached steps"
mine build --no-cache -q -t app:1 context >/dev/null
contains "$(mine run --rm app:1 cat /log)" "once
once"

# Containers.
port=$(free_port)
mine run -d -u 0 -p "127.0.0.1:$port:80" --name web -e NAME=you app:1 \
  sh -c 'mkdir /w && echo "page for $NAME" >/w/index.html; trap "exit 3" TERM; echo ready; httpd -f -p 80 -h /w & wait' >/dev/null
wait_until 20 curl -sf "http://127.0.0.1:$port/"
equal "$(curl -s "http://127.0.0.1:$port/")" "page for you" "-p"
contains "$(mine ps)" "web"
equal "$(mine exec web cat /w/index.html)" "page for you" "exec"
equal "$(mine exec -u app web id -u)" "1000" "exec as another user"
equal "$(mine logs web)" "ready" "logs"
mine stop web >/dev/null
contains "$(mine ps -a)" "Exited (3)"
mine rm web >/dev/null
exits_with 9 mine run --rm app:1 sh -c 'exit 9'
mkdir "$work/home/volume"
[[ -z $user ]] || chown "$user" "$work/home/volume"
mine run --rm -u 0 -v ./volume:/v app:1 sh -c 'echo x >/v/root; echo y >/v/other; chown 7:7 /v/other'
equal "$(stat -c %U "$work/home/volume/root")" "${user:-$(id -un)}" "root inside is the user outside"

# In and out.
mine save -o app.tar app:1
mine save --format oci-archive -o app.oci app:1
contains "$(mine rmi app:1)" "Untagged: app:1"
equal "$(mine load -i app.tar)" "Loaded image: app:1" "load"
equal "$(mine run --rm app:1)" "I am 1000" "what was loaded"
skopeo inspect "oci-archive:$work/home/app.oci" >/dev/null
mine du >/dev/null
mine prune -a -f --cache >/dev/null
equal "$(mine images -q)" "" "prune -a"
contains "$(mine fsck 2>&1)" "clean"
mine doctor >"$work/doctor" || [[ $? == 1 ]]  # something of it is missing here
grep -q '^sandbox *yes' "$work/doctor" || fail "doctor: $(cat "$work/doctor")"
rm -rf "$work/home/.local"

# Without ids of one's own: what root alone can do works, and what cannot work says what to install.
[[ -n $user ]] || exit 0
usermod --del-subuids 0-4294967294 --del-subgids 0-4294967294 "$user"
printf 'FROM %s/base:1\nCOPY --chown=33:44 file /owned\nRUN echo made >/made\n' "$registry" >"$work/home/context/Dockerfile"
exits_with 0 mine build -t one:1 context
contains "$(cat "$work/err")" "install the package uidmap"
equal "$(mine run --rm one:1 cat /made 2>/dev/null)" "made" "run with one id"
contains "$(mine export one:1 2>/dev/null | tar --numeric-owner -tvf - owned)" " 33/44 "
exits_with 125 mine run --rm -u 5 one:1 true
contains "$(cat "$work/err")" "your id range does not reach so far"
mine prune -a -f --cache >/dev/null 2>&1
