# Build contexts of strangers: nothing outside the folder is read, nothing there is waited for, and what changes while it is
# read is an error and never a mixture (V40, V41, V42).
. "$SOURCE/tests/system/lib.sh"

secret=the-secret-outside
mkdir -p "$work/outside" "$work/ctx/sub"
printf '%s\n' "$secret" >"$work/outside/secret"
echo inside >"$work/ctx/sub/x"
build() { imgb build -q --no-cache -o "type=tar,dest=$work/out.tar" "$@"; }
# clean WHAT: neither the result nor what was printed has a byte from outside
clean() {
  local places=("$work/out" "$work/err" "$work/store")
  [[ ! -e $work/out.tar ]] || places+=("$work/out.tar")
  finds_nothing "$1: the secret got out" grep -rla "$secret" "${places[@]}"
  rm -f "$work/out.tar"
}

# --- V40: links
ln -s "$work/outside/secret" "$work/ctx/absolute"
ln -s ../outside/secret "$work/ctx/relative"
ln -s ../outside "$work/ctx/folder"
ln -s ../../outside "$work/ctx/sub/up"
ln -s x "$work/ctx/sub/good"
for copy in 'COPY absolute /x' 'COPY relative /x' 'COPY folder/secret /x' 'COPY folder /x' 'COPY folder/ /x' 'COPY sub/up/secret /x' \
  'COPY ../outside/secret /x' 'COPY sub/../../outside/secret /x' 'ADD absolute /x' 'ADD relative /x' 'COPY --parents ./folder/secret /x/'; do
  printf 'FROM scratch\n%s\n' "$copy" >"$work/ctx/Dockerfile"
  exits_with 1 build "$work/ctx"
  contains "$(cat "$work/err")" "not found"
  clean "$copy"
done
printf 'FROM scratch\nCOPY . /x/\n' >"$work/ctx/Dockerfile"
exits_with 0 build "$work/ctx"
equal "$(tar -tvf "$work/out.tar" | grep -c -- '-> .*outside')" 4 "links are copied as links"
clean "a folder that holds links"
printf 'FROM scratch\nCOPY sub/good /x\n' >"$work/ctx/Dockerfile"
exits_with 0 build "$work/ctx"
equal "$(tar -xOf "$work/out.tar" x)" inside "a link that stays inside is followed"

# The Dockerfile and the ignore file as links out, and as what would be waited for.
ln -sf ../outside/secret "$work/ctx/Dockerfile"
exits_with 1 build "$work/ctx"
clean "Dockerfile that is a link"
exits_with 1 build -f "$work/ctx/Dockerfile" "$work/ctx"
clean "Dockerfile that is a link, named"
contains "$(cat "$work/err")" "a link that leads out"
exits_with 1 build -f "$work/ctx/folder/secret" "$work/ctx"
clean "Dockerfile behind a link"
mkdir "$work/elsewhere"
ln -s ../outside/secret "$work/elsewhere/Dockerfile"
exits_with 1 build -f "$work/elsewhere/Dockerfile" "$work/ctx"
clean "Dockerfile elsewhere that is a link"
rm "$work/ctx/Dockerfile"
mkfifo "$work/ctx/Dockerfile"
exits_with 1 build "$work/ctx"
contains "$(cat "$work/err")" "Dockerfile"
rm "$work/ctx/Dockerfile"
printf 'FROM scratch\nCOPY sub /x/\n' >"$work/ctx/Dockerfile"
ln -s ../outside/secret "$work/ctx/.dockerignore"
exits_with 0 build "$work/ctx"
rm "$work/ctx/.dockerignore"
mkfifo "$work/ctx/.dockerignore"
exits_with 1 build "$work/ctx"
rm "$work/ctx/.dockerignore"
ln -s ../outside/secret "$work/ctx/Dockerfile.dockerignore"
exits_with 0 build "$work/ctx"
clean "ignore file that is a link"
rm "$work/ctx/Dockerfile.dockerignore"
# What the user gives through a pipe is the user's own.
exits_with 0 build -f <(printf 'FROM scratch\nLABEL a=b\n') "$work/ctx"

# --- V42: what is no file
mkdir "$work/ctx/odd"
mkfifo "$work/ctx/odd/fifo"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$work/ctx/odd/socket"
for name in fifo socket; do
  for copy in "COPY odd/$name /x" "COPY odd/$name odd/ /x/" "ADD odd/$name /x"; do
    printf 'FROM scratch\n%s\n' "$copy" >"$work/ctx/Dockerfile"
    code=0
    timeout 20 "$IMGB" build -q --no-cache "$work/ctx" >"$work/out" 2>"$work/err" || code=$?
    [[ $code -lt 2 ]] || fail "$copy ends with $code"
  done
done
rm "$work/ctx/odd/socket"
truncate -s 1T "$work/ctx/odd/holes"
printf 'odd/holes\n' >"$work/ctx/.dockerignore"
printf 'FROM scratch\nCOPY sub /x/\n' >"$work/ctx/Dockerfile"
exits_with 0 build "$work/ctx"
rm -r "$work/ctx/odd" "$work/ctx/.dockerignore"

# --- V41: files that change while they are read
mkdir -p "$work/ctx/race/d"
python3 - "$work" <<'PY' &
import ctypes, os, sys
work = sys.argv[1]
race = work + '/ctx/race'
EXCHANGE, AT_FDCWD = 2, -100
libc = ctypes.CDLL(None)
def exchange(a, b): libc.renameat2(AT_FDCWD, a.encode(), AT_FDCWD, b.encode(), EXCHANGE)
old, new = b'a' * 300000, b'b' * 300000
open(race + '/file', 'wb').write(old)
open(race + '/grown', 'wb').write(old)
open(race + '/d/secret', 'wb').write(b'inside')
os.symlink(work + '/outside/secret', work + '/link')
os.symlink(work + '/outside', work + '/dirlink')
open(work + '/started', 'w')
while True:
    exchange(race + '/file', work + '/link')
    exchange(race + '/file', work + '/link')
    exchange(race + '/d', work + '/dirlink')
    exchange(race + '/d', work + '/dirlink')
    with open(race + '/grown', 'r+b') as f:
        f.write(new); f.truncate(100); f.seek(0, 2); f.write(old); f.truncate(300000)
PY
background+=($!)
wait_until 20 test -e "$work/started"
printf 'FROM scratch\nCOPY race/file /f\nCOPY race/grown /g\nCOPY race/d/secret /s\nCOPY race /all/\n' >"$work/ctx/Dockerfile"
cat >"$work/check.py" <<'PY'
import sys, tarfile
for member in tarfile.open(sys.argv[1]):
    if not member.isreg(): continue
    data = tarfile.open(sys.argv[1]).extractfile(member.name).read()
    if member.name.endswith('secret') or member.name == 's': assert data == b'inside', (member.name, data[:50])
    assert len(data) == member.size
    assert b'\0' not in data, member.name + ' was filled with zeros'
PY
for ((round = 0; round < 25; ++round)); do
  code=0
  timeout 60 "$IMGB" build -q -o "type=tar,dest=$work/out.tar" "$work/ctx" >"$work/out" 2>"$work/err" || code=$?
  [[ $code -lt 2 ]] || fail "a changing context ends with $code: $(cat "$work/err")"
  [[ ! -e $work/out.tar ]] || python3 "$work/check.py" "$work/out.tar" || fail "a mixture was built"
  clean "a changing context"
done
kill -9 "${background[@]}"
code=0
wait "${background[@]}" 2>/dev/null || code=$?
equal "$code" 137 "what changed the files worked until it was killed"
background=()
imgb fsck >/dev/null
# What was remembered of the changing files is not believed: a quiet build has the bytes that are there.
printf settled >"$work/ctx/race/grown"
for link in race/file race/d; do [[ ! -L $work/ctx/$link ]] || rm "$work/ctx/$link"; done
printf 'FROM scratch\nCOPY race/grown /g\n' >"$work/ctx/Dockerfile"
imgb build -q -o "type=tar,dest=$work/out.tar" "$work/ctx"
equal "$(tar -xOf "$work/out.tar" g)" settled "the bytes that are there"
