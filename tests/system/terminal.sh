# -it gives a real terminal, with its size, and leaves ours as it was.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
python3 - "$IMGB" <<'PY'
import fcntl, os, pty, select, struct, sys, termios, time
imgb = sys.argv[1]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
    os.execv(imgb, [imgb, "run", "--rm", "-it", "base:1", "sh", "-c", "tty; until stty size 2>/dev/null | grep -q 33; do sleep 0.1; done; stty size; read x; echo got:$x; exit 5"])
seen, sent, end = b"", False, time.time() + 60
while time.time() < end:
    if fd in select.select([fd], [], [], 0.2)[0]:
        try: data = os.read(fd, 65536)
        except OSError: break
        if not data: break
        seen += data
    if b"/dev/" in seen and b"77" in seen and not sent:
        os.write(fd, b"typed\r"); sent = True
assert b"33 77" in seen, seen
assert b"got:typed" in seen, seen
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5, seen
PY
