# A build on a terminal: progress of several widths, and --on-error=shell in the failed step's world.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
mkdir "$work/c"
python3 - "$IMGB" "$work/c" <<'PY'
import os, re, sys
from on_terminal import run
imgb, folder = sys.argv[1:]
def write(text): open(os.path.join(folder, "Dockerfile"), "w").write(text)

write("FROM base:1\nWORKDIR /w\nENV X=y\nRUN echo made > /w/made && exit 3\n")
seen, code = run([imgb, "build", "--network=none", "--on-error=shell", folder], 33, 77, [("# ".encode(), b"cat made; echo [$X]; stty size; pwd; exit 4\r")])
for part in ("\nmade\r", "[y]", "33 77", "/w\r", "exit code: 3"): assert part in seen, (part, seen)
assert code == 1, code

write("FROM base:1\nRUN for i in 1 2 3 4 5; do echo \"line $i of a step that has much to say, more than a narrow terminal can show\"; sleep 0.1; done\nRUN true\n")
for columns in (80, 40, 200):
    seen, code = run([imgb, "build", "--network=none", "--no-cache", folder], 24, columns)
    assert code == 0, seen
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "").split("\n")
    assert max(map(len, lines)) <= max(columns, 71), (columns, max(lines, key=len))  # the id on standard output is not clipped
    assert "line 5" in seen and "\x1b[?7h" in seen[-200:], seen
seen, code = run([imgb, "build", "--network=none", "--no-cache", folder], 24, 100, [(b"line 2", (20, 50))])
assert code == 0 and "sha256:" in seen.splitlines()[-1], seen
PY
exits_with 2 imgb build --on-error=shell "$work/c" </dev/null
contains "$(cat "$work/err")" "no terminal"
exits_with 2 imgb build --progress tty "$work/c"
contains "$(cat "$work/err")" "needs a terminal"
