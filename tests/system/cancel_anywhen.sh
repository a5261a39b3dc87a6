# A build or a container that is stopped as a terminal does it, with a signal to every process, says that it was stopped, once:
# whatever was being set up, and was killed by the signal, is no failure of its own.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
{ echo "FROM base:1"; for i in $(seq 60); do echo "RUN true $i"; done; } >"$work/Dockerfile"
python3 - "$IMGB" "$work" <<'PY'
import os, signal, subprocess, sys, time
imgb, work = sys.argv[1:]
stopped = 0
def stop(words, delay):
    global stopped
    process = subprocess.Popen([imgb, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1].decode()
    died_unborn = process.returncode == -signal.SIGINT and not said  # the signal came before main: nothing is set up yet
    if process.returncode == 0 or died_unborn or (words[0] == "run" and not said):
        return
    stopped += 1
    assert "killed" not in said and "a bug" not in said, (delay, said)
    assert process.returncode == 130, (delay, process.returncode, said)
    assert said.count("stopped") == 1, (delay, said)
for i in range(24):
    stop(["build", "--no-cache", "--progress=plain", work], 0.02 + 0.021 * i)
for i in range(12):
    stop(["run", "--rm", "base:1", "sleep", "0.2"], 0.006 * i)
assert stopped > 5, stopped
PY
equal "$(find "$IMGB_ROOT/snapshots" -maxdepth 1 -name 's-*')" "" "scratch folders are left"
