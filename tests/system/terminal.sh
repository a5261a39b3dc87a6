# -it gives a real terminal, with its size, and leaves ours as it was.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
python3 - "$IMGB" <<'PY'
import on_terminal, sys
script = "tty; stty size; until stty size | grep -q '40 100'; do sleep 0.1; done; echo resized; read x; echo got:$x; exit 5"
seen, code = on_terminal.run([sys.argv[1], "run", "--rm", "-it", "base:1", "sh", "-c", script], 33, 77, [(b"33 77", (40, 100)), (b"resized", b"typed\r")])
assert "/dev/" in seen and "got:typed" in seen, seen
assert code == 5, (code, seen)
PY
