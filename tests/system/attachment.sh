# A program in a container is joined to our descriptors by pipes: it never holds ours, and what it writes arrives whole.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
imgb run -d --name box base:1 sleep 300 >/dev/null

# Typed lines are ours: without -i neither `run` nor `exec` lets a program read the terminal, through any descriptor.
python3 - "$IMGB" <<'PY'
import on_terminal, sys
script = "for fd in 0 1 2; do test -t $fd && echo $fd is a terminal; read -t 1 x <&$fd && echo read:$x; done; readlink /proc/self/fd/1; echo END"
for words in (["run", "--rm", "base:1"], ["run", "base:1"], ["exec", "box"]):
    seen, code = on_terminal.run([sys.argv[1], *words, "sh", "-c", "echo READY; " + script], 24, 80, [(b"READY", b"typed\n"), (b"END", b"")])
    assert code == 0, (words, code, seen)
    assert "is a terminal" not in seen and "read:" not in seen and "pipe:" in seen, (words, seen)
# With -i a typed line arrives, through a pipe.
seen, code = on_terminal.run([sys.argv[1], "run", "--rm", "-i", "base:1", "sh", "-c", "echo READY; read x; echo got:$x; test -t 0 || echo no terminal"], 24, 80, [(b"READY", b"typed\n")])
assert code == 0 and "got:typed" in seen and "no terminal" in seen, seen
# A window that changes its size is no harm to a program without a terminal.
for words in (["run", "--rm", "base:1"], ["exec", "box"]):
    seen, code = on_terminal.run([sys.argv[1], *words, "sh", "-c", "echo READY; sleep 1; echo END"], 24, 80, [(b"READY", (30, 90))])
    assert code == 0 and "END" in seen, (words, code, seen)
# Much that is typed at once, while much comes out, does not block.
seen, code = on_terminal.run([sys.argv[1], "run", "--rm", "-it", "base:1", "sh", "-c", "stty raw -echo; echo READY; head -c 200000 | wc -c; seq 100000; echo END"], 24, 80, [(b"READY", b"x" * 200000)])
assert code == 0 and "200000" in seen and "END" in seen, (code, seen[-200:])
PY

# The name of the file that output goes to is not seen inside, and what is in it can be neither read nor cut off.
for words in "run --rm base:1" "run base:1" "exec box"; do
  echo before >"$work/file"
  imgb $words sh -c 'for fd in 1 2; do readlink /proc/$$/fd/$fd >&2; done; : >/proc/self/fd/1; echo after' >>"$work/file" 2>"$work/names"
  equal "$(awk '/pipe:/ { n++ } END { print n + 0 }' "$work/names")" 2 "$words: $(cat "$work/names")"
  equal "$(tr '\n' ' ' <"$work/file")" "before after " "$words: the file"
done
printf before >"$work/kept"
imgb run --rm base:1 sh -c 'echo after' >>"$work/kept"
equal "$(cat "$work/kept")" "beforeafter" "appending"

# Bytes arrive as they are and whole: to a file, to a pipe, with and without a log, both ways.
head -c 3000000 /dev/urandom >"$work/bytes"
for words in "run --rm -i base:1" "run -i base:1" "exec -i box"; do
  imgb $words cat <"$work/bytes" >"$work/copy"
  cmp "$work/bytes" "$work/copy" || fail "$words: a file"
  imgb $words sh -c 'cat >&2' <"$work/bytes" 2>&1 >/dev/null | cmp - "$work/bytes" || fail "$words: a pipe"
  { code=0; cat "$work/bytes" || code=$?; echo "$code" >"$work/code"; } | imgb $words head -c 3 >"$work/copy"
  equal "$(wc -c <"$work/copy") $(cat "$work/code")" "3 141" "$words: a program that stops reading"
done
equal "$(imgb run --rm -i base:1 sh -c 'exec <&-; echo done' </dev/zero)" "done" "a program that closes its input"

# The program's user may open what it writes to by name, as servers do that log to /dev/stdout.
for user in 0 1000:1000; do
  for words in "run --rm -u $user base:1" "run -u $user base:1" "exec -u $user box"; do
    equal "$(imgb $words sh -c 'echo out >/dev/stdout; echo err >/dev/stderr' 2>"$work/err")" "out" "$words: /dev/stdout"
    equal "$(cat "$work/err")" "err" "$words: /dev/stderr"
  done
done
printf 'FROM base:1\nRUN echo to-stderr >/dev/stderr\nUSER 1000\nRUN echo by-user >/dev/stdout\n' >"$work/Dockerfile"
imgb build --progress plain "$work" >/dev/null 2>"$work/log" || fail "$(cat "$work/log")"
contains "$(cat "$work/log")" "to-stderr"
contains "$(cat "$work/log")" "by-user"

# A reader that goes away ends the program, and with it imgb.
ends_with_its_reader() {
  local want=$1 code=0
  shift
  { timeout 20 "$IMGB" "$@" yes || code=$?; echo "$code" >"$work/code"; } | head -n 1 >"$work/copy"
  equal "$(tr -d '\r' <"$work/copy") $(cat "$work/code")" "y $want" "$* yes | head"
}
ends_with_its_reader 141 run --rm base:1
ends_with_its_reader 141 run base:1
ends_with_its_reader 141 exec box
ends_with_its_reader 129 run --rm -t base:1
# A full disk is told.
exits_with 125 sh -c "'$IMGB' run --rm base:1 echo text >/dev/full"
contains "$(cat "$work/err")" "standard output: No space left"
exits_with 1 sh -c "'$IMGB' exec box echo text >/dev/full"

# What exec leaves behind does not keep it.
SECONDS=0
imgb exec box sh -c 'sleep 60 & yes >/dev/stdout 2>/dev/null & echo over' | tail -c 1 >/dev/null
((SECONDS < 15)) || fail "exec waits for what it left behind"
