"""Runs a program on a terminal of its own; for the tests beside it."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


def set_size(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def run(argv, rows, columns, answers=(), seconds=60):
    """Returns what the program wrote, as text, and its exit code. Each answer is a pair: what is waited for (bytes), and
    what is typed then (bytes) or the size that the terminal gets (rows, columns). Fails when it takes too long."""
    pid, terminal = pty.fork()
    if pid == 0:
        set_size(0, rows, columns)
        os.execv(argv[0], argv)
    seen, end, answers = b"", time.time() + seconds, list(answers)
    while time.time() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # nobody has the other side open
            break
        seen += data
        while answers and answers[0][0] in seen:
            what = answers.pop(0)[1]
            if isinstance(what, tuple):
                set_size(terminal, *what)
            else:
                os.write(terminal, what)
    else:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    assert not answers, (answers, seen)
    assert code != -signal.SIGKILL, (argv, seen)
    return seen.decode(), code
