# Images of strangers: what a base holds and says reaches nothing outside its own root file system (V8, V10, V11, V23 to V27,
# V46, V74, V75, V90), and what it spells is harmless for a terminal (V52).
. "$SOURCE/tests/system/lib.sh"

canary=$work/canary
mkdir -p "$canary" "$work/ctx"
echo untouched >"$canary/victim"
echo file >"$work/ctx/f"
# image ENTRIES [CONFIG]: loads evil:1, busybox and these entries
image() {
  rm -rf "$work/image"
  python3 -c "
from forge import *
canary = '$canary'
layout('$work/image', [program_layer([$1])], ${2:-{\}})"
  imgb load -q -i "$work/image" >/dev/null
}
# builds CODE INSTRUCTIONS: output in $work/err
builds() {
  printf 'FROM evil:1\n%b\n' "$2" >"$work/ctx/Dockerfile"
  exits_with "$1" imgb build --progress plain --no-cache -t made:1 "$work/ctx"
  equal "$(cat "$canary/victim")" untouched "$2"
  equal "$(ls "$canary")" victim "$2"
}
passwd="entry('etc', folder), entry('etc/passwd', data=b'root:x:0:0::/root:/bin/sh\nwww:x:33:33::/:/bin/sh\n'), entry('etc/group', data=b'root:x:0:\nwww:x:33:\nextra:x:44:www,root\n')"

# --- V24: /etc/passwd and /etc/group that are no files, or too long, or links out
for odd in "entry('etc/passwd', fifo)" "entry('etc/passwd', char, device=(1, 5))" "entry('etc/passwd', folder)" \
  "entry('etc/passwd', symlink, canary + '/victim')" "entry('etc/passwd', symlink, '/proc/self/environ')"; do
  image "entry('etc', folder), $odd"
  builds 1 'USER daemon\nRUN true'
  builds 1 'COPY --chown=daemon f /x'
  builds 0 'USER 7:8\nRUN true\nCOPY --chown=7 f /x'
  exits_with 125 imgb run --rm -u daemon evil:1 true
  exits_with 0 imgb run --rm -u 7:8 evil:1 true
done
image "entry('etc', folder), entry('etc/passwd', symlink, '/usr/passwd'), entry('usr', folder), entry('usr/passwd', data=b'www:x:33:33::/:/\n')"
builds 0 'USER www\nRUN test $(id -u) = 33\nCOPY --chown=www f /x\nRUN test $(stat -c %u /x) = 33'

for odd in "entry('etc/passwd', symlink, 'passwd')" "entry('etc/passwd', data=b'a:x:1:1::/:/\n' * 400000)"; do
  image "entry('etc', folder), $odd"
  builds 1 'USER daemon\nRUN true'
done

# --- V25: users that are none never become root
for user in 4294967295 2147483648:5 -1 0x0 ' 0' 1e3 18446744073709551616 1000:nogroup nobody:4294967296; do
  image "$passwd" "{'User': '$user'}"
  builds 1 'RUN true'
  exits_with 125 imgb run --rm evil:1 true
done
image "$passwd" "{'User': 'www'}"
builds 0 'RUN test "$(id)" = "uid=33(www) gid=33(www) groups=33(www),44(extra)"'
image "$passwd" "{'User': '33:44'}"
builds 0 'RUN test "$(id -G)" = 44'

# --- V26: places that are links
for target in "$canary" "../../../../../../../..$canary" "/nowhere/$canary"; do
  image "entry('app', symlink, '$target'), entry('lib', folder), entry('lib/app', symlink, '/app')"
  builds 0 'WORKDIR /app/x\nRUN pwd'
  builds 0 'COPY f /app/\nADD f /lib/app/g\nRUN test -f /app/f'
  builds 0 'WORKDIR /lib/app\nCOPY f ./y\nRUN touch z\nVOLUME /app/v'
  imgb run --rm -v "$work/ctx:/app/mounted:ro" -w /app/w evil:1 touch /app/w/t
  equal "$(ls "$canary")" victim "mounts and folders of run"
done
tar -C "$work/ctx" -cf "$work/ctx/archive.tar" f
image "entry('app', symlink, '$canary')"
builds 0 'ADD archive.tar /app/\nRUN test -f /app/f'

# --- V8: devices may be in an image, and cannot be opened
image "entry('vda', block, device=(254, 0)), entry('mem', char, device=(1, 1))"
for device in vda mem; do builds 0 "RUN ! cat /$device 2>/e; grep -q 'not permitted\|denied\|No such' /e"; done
exits_with 1 imgb run --rm evil:1 cat /mem

# --- V10, V11, V93: nobody else reaches what images or failed steps hold
image "entry('suid', data=b'#!/bin/sh', mode=0o4755)"
builds 1 'RUN echo x > /left; chmod 4777 /left; false'
equal "$(stat -c %a "$IMGB_ROOT")" 700 "the store's mode"
[[ -z $(setpriv --reuid=65534 --regid=65534 --clear-groups find "$IMGB_ROOT/" 2>/dev/null) ]] || fail "another user sees the store"
[[ -z $(find "$IMGB_ROOT" -name left -perm -4000) ]] || fail "a failed step left its file"

# --- V27: capabilities and attributes
capability="bytes([1, 0, 0, 2, 0, 0, 0x20]) + bytes(13)"
image "entry('f', pax={'SCHILY.xattr.security.ima': 'x', 'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.user.overlay.redirect': '/etc', 'SCHILY.xattr.user.kept': '1'}), entry('etc', folder, pax={'SCHILY.xattr.user.overlay.opaque': 'y'})"
builds 0 'RUN ls -l /f\nRUN touch /etc/x'
# The layer of the base goes on as it came; nothing that was made of it holds the mark.
attributes_below "$IMGB_ROOT/snapshots" >"$work/attributes"
contains "$(cat "$work/attributes")" user.kept
finds_nothing "marks in snapshots" grep 'redirect\|security.ima' "$work/attributes"

# --- V23: configs and manifests that do not fit the layers
for change in 'm["layers"].append(m["layers"][0])' 'm["layers"].pop()' 'm["layers"][0]["size"] += 1' 'm["layers"][0]["digest"] = m["config"]["digest"]' \
  'm["config"]["digest"] = m["layers"][0]["digest"]' 'm["layers"] = [m["layers"][0]] * 2000'; do
  rm -rf "$work/image"
  python3 -c "
from forge import *
def change(m): $change
layout('$work/image', [program_layer()], change_manifest=change, name='wrong:1')"
  exits_with 1 imgb load -q -i "$work/image"
done
lacks "$(imgb images)" wrong

# --- V46, V90, T1: triggers, labels and annotations do nothing outside the root
image "" "{'OnBuild': ['RUN echo pwn > /pwned; cat /proc/1/environ; true', 'COPY f ../../../../../../..$canary/'], 'Labels': {'containerd.io/logging': 'binary:///bin/touch?x=$canary/label', 'cdi.k8s.io/x': 'vendor.com/device=all'}, 'Volumes': {'$canary': {}}, 'StopSignal': '9; touch $canary/x'}"
builds 0 'RUN test -f /pwned'
exits_with 125 imgb run --rm evil:1 true
for trigger in 'FROM scratch' 'ONBUILD RUN id' 'MAINTAINER x' 'RUN --security=insecure id' 'RUN --network=host id' 'COPY --from=0 / /' 'RUN --mount=type=secret,id=x,required id'; do
  image "" "{'OnBuild': ['$trigger']}"
  builds 1 'RUN true'
done

# --- V74: the working folder is no way out
while read -r folder build_code run_code; do
  image "" "{'WorkingDir': '$folder'}"
  builds "$build_code" "RUN ls ../../../../../../.. && ! ls ../../../../../../..$canary"
  lacks "$(cat "$work/out")" victim
  exits_with "$run_code" imgb run --rm evil:1 cat "../../../../../../..$canary/victim"
  lacks "$(cat "$work/out")" untouched
done <<'END'
/proc/self/fd/3 1 125
/proc/self/fd/5 1 125
/proc/1/cwd 1 125
/proc/self/root/../.. 0 1
../../.. 0 125
END

# --- V75: kernel folders that are links or files
for name in dev proc sys; do
  for odd in "entry('$name', symlink, '$canary')" "entry('$name', symlink, '..')" "entry('$name', data=b'x')" "entry('$name', fifo)"; do
    image "$odd"
    builds 1 'RUN true'
    exits_with 125 imgb run --rm evil:1 true
  done
done
image "entry('etc', symlink, '$canary')"
builds 0 'RUN cat /etc/hosts'
image "entry('etc', folder), entry('etc/resolv.conf', symlink, '$canary/victim'), entry('etc/hosts', fifo)"
builds 0 'RUN cat /etc/resolv.conf > /dev/null; true'

# --- NUL in what the kernel is to be given
image "" "{'Env': ['PATH=/bin', 'A=b\\0c']}"
builds 1 'RUN true'
exits_with 125 imgb run --rm evil:1 true
image "" "{'Cmd': ['echo', 'a\\0b']}"
exits_with 125 imgb run --rm evil:1

# --- V52: nothing an image or context spells controls the terminal
escapes='\x1b]0;owned\x07\x1b[2J\x9b31m'
image "entry('dir', folder), entry('dir/$escapes')" "{'Cmd': ['$escapes'], 'Labels': {'$escapes': '$escapes'}, 'WorkingDir': '/$escapes', 'Env': ['PATH=/bin', 'E=$escapes']}"
touch "$work/ctx/$(printf '\x1b[2Jname')"
# prints CODE COMMAND...: its exit code, and all it says is kept to be looked at
prints() {
  exits_with "$@"
  cat "$work/out" "$work/err" >>"$work/printed"
}
# prints_of_build CODE DOCKERFILE [FLAGS...]
prints_of_build() {
  local code=$1
  printf "$2" >"$work/ctx/Dockerfile"
  shift 2
  prints "$code" imgb build "$@" "$work/ctx"
}
prints_of_build 1 'FROM evil:1 AS \x1b[2Jstage\n'
prints_of_build 1 'FROM evil:1\nRUN printf "\\033]0;owned\\007\\033[2J\\033[31mred\\033[0m\\233\\r\\n"; ls /dir\nCOPY ?*name /\nRUN exit 3 # \x1b[2J\n' \
  --progress plain --no-cache
prints_of_build 1 'FROM \x1b[2J/x\n'
prints_of_build 1 '\x1b[2J x\n'
prints_of_build 1 'FROM evil:1\nCOPY \x1b]2;absent /\n'
prints_of_build 1 'FROM evil:1\nCOPY \x1b[2Jabsent /\n'
prints 0 imgb images
prints 0 imgb history evil:1
prints 127 imgb run --rm evil:1
prints 127 imgb run --name odd evil:1
prints 0 imgb ps -a
prints 0 imgb rm odd
prints 1 imgb pull $'x\x1b[2J'
prints 1 imgb tag evil:1 $'x\x1b[2J'
prints 1 imgb load -i "$work/"$'\x1b[2J'
prints 1 imgb build -f $'\x1b[2J' "$work/ctx"
prints 1 imgb build --target $'\x1b[2J' "$work/ctx"
prints_of_build 0 'FROM evil:1\n' --build-arg $'\x1b[2J=1'
finds_nothing "control characters" grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$work/printed"

equal "$(cat "$canary/victim")" untouched "at the end"
imgb fsck >/dev/null
