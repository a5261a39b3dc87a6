# What layers say of a file beside mode and owner (F20): capabilities, ACLs and user attributes come as they are through load,
# a step that changes the file, COPY --from and export; of a context's files what does not name users of this host.
. "$SOURCE/tests/system/lib.sh"
((EUID == 0)) || skip "capabilities are root's"

cat >"$work/attributes.py" <<'PY'
import struct, tarfile
from forge import *

NOBODY = 0xFFFFFFFF
OWNER, USER, GROUP, NAMED_GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
PREFIX = 'SCHILY.xattr.'


def acl(*entries):
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)


CAPABILITY = {'security.capability': bytes([1, 0, 0, 2, 0, 0x20, 0, 0]) + bytes(12)}  # cap_net_raw=ep
ACCESS = {'system.posix_acl_access': acl((OWNER, 6, NOBODY), (USER, 4, 1000), (GROUP, 4, NOBODY), (NAMED_GROUP, 2, 2000),
                                         (MASK, 6, NOBODY), (OTHER, 0, NOBODY))}
INHERITED = {'system.posix_acl_access': acl((OWNER, 6, NOBODY), (USER, 5, 1000), (GROUP, 5, NOBODY), (MASK, 4, NOBODY),
                                            (OTHER, 4, NOBODY))}
FOLDER = {'system.posix_acl_default': acl((OWNER, 7, NOBODY), (USER, 5, 1000), (GROUP, 5, NOBODY), (MASK, 5, NOBODY),
                                          (OTHER, 5, NOBODY)), 'user.of.folder': b'f'}
OURS = {'user.x': b'y\0\xff'}
BASE = {'cap': CAPABILITY, 'acl': ACCESS, 'dir': FOLDER, 'user': OURS}


def pax(attributes):
    return {PREFIX + key: value.decode('utf8', 'surrogateescape') for key, value in attributes.items()}


def make_image(path, big_bytes=0):
    entries = [entry('cap', data=b'c', mode=0o755, pax=pax(CAPABILITY)), entry('acl', data=b'a', mode=0o664, pax=pax(ACCESS)),
               entry('dir', folder, pax=pax(FOLDER)), entry('user', data=b'u', pax=pax(OURS))]
    if big_bytes:
        entries.append(entry('big', data=b'b', pax=pax({'user.big': b'v' * big_bytes})))
    layout(path, [program_layer(entries)])


def expect(path, wanted):
    with tarfile.open(path, encoding='utf8', errors='surrogateescape') as tar:
        got = {member.name: {key[len(PREFIX):]: value.encode('utf8', 'surrogateescape')
                             for key, value in member.pax_headers.items() if key.startswith(PREFIX)} for member in tar}
    got = {name: attributes for name, attributes in got.items() if attributes}
    assert got == wanted, f'{path}: {got}\nnot {wanted}'
PY
export PYTHONPATH=$PYTHONPATH:$work
mkdir "$work/ctx"
python3 -c "from attributes import *; make_image('$work/image')"
imgb load -q -i "$work/image" >/dev/null
cat >"$work/ctx/Dockerfile" <<'END'
FROM evil:1 AS base
FROM base AS touched
RUN chmod 0751 /cap && chmod 0660 /acl && touch /user && echo >/dir/new
FROM evil:1 AS copied
COPY --from=touched /cap /acl /user /dir/new /c/
FROM evil:1 AS linked
COPY --link --from=base /cap /acl /user /c/
END
for target in touched copied linked; do
  imgb build -q --network none --target "$target" -t "$target:1" "$work/ctx" >/dev/null
  imgb export -o "$work/$target.tar" "$target:1"
done
python3 - "$work" <<'PY'
import sys
from attributes import *
linked = BASE | {'c/' + name: BASE[name] for name in ('cap', 'acl', 'user')}
expect(sys.argv[1] + '/touched.tar', BASE | {'dir/new': INHERITED})
expect(sys.argv[1] + '/copied.tar', linked | {'c/new': INHERITED})
expect(sys.argv[1] + '/linked.tar', linked)
PY

# The kernel heeds them.
printf 'FROM touched:1\nUSER 1000\nRUN cat /acl && ! (echo >>/acl)\nUSER 1001:1001\nRUN ! cat /acl\n' >"$work/ctx/Heeded"
imgb build -q --network none --no-cache -f "$work/ctx/Heeded" "$work/ctx" >/dev/null

# A context's. A file that even root cannot change is a file like any other.
echo f >"$work/ctx/f"
python3 - "$work/ctx/f" <<'PY'
import os, sys
from attributes import *
for key, value in (CAPABILITY | ACCESS | OURS).items(): os.setxattr(sys.argv[1], key, value)
PY
at_end() { chattr -i "$work/ctx/f"; }
chattr +i "$work/ctx/f"
printf 'FROM scratch\nCOPY f /\n' >"$work/ctx/Context"
imgb build -q -t context:1 -f "$work/ctx/Context" "$work/ctx" >/dev/null
imgb export -o "$work/context.tar" context:1
python3 -c "from attributes import *; expect('$work/context.tar', {'f': CAPABILITY | OURS})"

# One that is too long for the store's file system, where that has such a limit.
python3 -c "from attributes import *; make_image('$work/big', 60000)"
imgb load -q -i "$work/big" >/dev/null
printf 'FROM evil:1\nRUN true\n' >"$work/ctx/Big"
code=0
imgb build -q --network none -f "$work/ctx/Big" "$work/ctx" >/dev/null 2>"$work/err" || code=$?
[[ $code == 0 ]] || contains "$(cat "$work/err")" "attribute user.big of /big has 60000 bytes, more than the store's file system has room for"
imgb fsck >/dev/null 2>&1

# A file system that has no attributes, and does not count its blocks.
mkdir "$work/ram"
exits_with 1 unshare -m bash -ec 'mount -t ramfs none "$1/ram"; export IMGB_ROOT=$1/ram/store; "$2" load -q -i "$1/image" >/dev/null
  exec "$2" build -q --network none --target touched "$1/ctx"' - "$work" "$IMGB"
contains "$(cat "$work/err")" "cannot be kept: the store's file system has none"
