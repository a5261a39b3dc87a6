"""What the fault tests share: a store to start from, a registry on loopback, and what must be true after any fault.

After each fault: the next command works and gives the right digest, `imgb fsck` is clean, and nothing is left over: no
process, mount, cgroup, scratch folder, temporary file or lease once a prune has run."""
import errno
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

IMGB = os.environ["IMGB"]
INJECTOR = os.environ.get("FAULT_AT", "")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": "1000000000", "HOME": "/root"}
LIMIT_SECONDS = 120


class Broken(Exception):
    """A promise that was not kept."""


def run(root, *words, check=True, prefix=(), env=None):
    done = subprocess.run([*prefix, IMGB, "--root", str(root), *map(str, words)], env={**ENVIRONMENT, **(env or {})},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_SECONDS,
                          errors="replace")
    if check and done.returncode != 0:
        raise Broken(f"{words} exits with {done.returncode}: {done.stderr[-1500:]}")
    return done


def make_base(root, folder):
    """busybox and its links, made from nothing, without running anything."""
    bin_folder = folder / "base/bin"
    bin_folder.mkdir(parents=True)
    shutil.copy("/bin/busybox", bin_folder / "busybox")
    for applet in ("sh", "echo", "mkdir", "cat", "rm", "sleep", "dd", "true", "md5sum"):
        (bin_folder / applet).symlink_to("busybox")
    (folder / "base/Dockerfile").write_text("FROM scratch\nCOPY bin /bin\nENV PATH=/bin\nCMD [\"/bin/sh\"]\n")
    run(root, "build", "-q", "-t", "base:1", folder / "base")


class Registry:
    """Serves an OCI layout, read-only, by the distribution protocol."""

    def __init__(self, layout, delay_seconds=0):
        layout = pathlib.Path(layout)
        self.requests = requests = []
        index = json.loads((layout / "index.json").read_text())
        manifest = index["manifests"][0]

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                requests.append((self.command, self.path))
                if self.path in ("/v2", "/v2/"):
                    return self.answer(b"{}", "application/json")
                *_, kind, name = self.path.split("/")
                digest = name if name.startswith("sha256:") else manifest["digest"]
                path = layout / "blobs/sha256" / digest[7:]
                if not path.exists():
                    return self.answer(b'{"errors":[{"code":"NAME_UNKNOWN"}]}', "application/json", 404)
                media = manifest["mediaType"] if kind == "manifests" else "application/octet-stream"
                threading.Event().wait(delay_seconds)
                self.answer(path.read_bytes(), media, digest=digest)

            def answer(self, body, media, status=200, digest=None):
                begin = 0
                wanted = self.headers.get("Range", "")
                if wanted.startswith("bytes=") and status == 200:
                    begin, status = int(wanted[6:].split("-")[0]), 206
                self.send_response(status)
                self.send_header("Content-Type", media)
                self.send_header("Content-Length", str(len(body) - begin))
                if status == 206:
                    self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
                if digest:
                    self.send_header("Docker-Content-Digest", digest)
                self.end_headers()
                if self.command != "HEAD":
                    try:
                        self.wfile.write(body[begin:])
                    except (BrokenPipeError, ConnectionResetError):
                        pass  # a client that was killed

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a client that was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def mounts():
    with open("/proc/self/mountinfo", encoding="utf8", errors="replace") as lines:
        return {line.split()[4] for line in lines}


def cgroups_of(pid):
    """Those that this imgb made: their names begin with its process id."""
    return [os.path.join(folder, name) for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names
            if name.startswith(f"imgb-{pid}-")]


def files_below(root, *folders):
    return sorted(str(path.relative_to(root)) for folder in folders for path in (root / folder).glob("*"))


def expect_whole(root):
    done = run(root, "fsck", check=False)
    if done.returncode != 0:
        raise Broken(f"fsck: {done.stdout[-1500:]}{done.stderr[-500:]}")


def in_own_mounts():
    """Runs this program again in a mount namespace of its own: no other process then keeps a disk of ours mounted."""
    if os.environ.get("IMGB_OWN_MOUNTS") == "1":
        return
    os.environ["IMGB_OWN_MOUNTS"] = "1"
    os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])


def wait_until(true, what, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise Broken(f"did not come true: {what}")
        time.sleep(0.02)


def expect_nothing_left(root):
    """Once a prune has run."""
    run(root, "prune")
    left = files_below(root, "ingest", "quarantine", "leases")
    left += [name for name in files_below(root, "snapshots") if pathlib.Path(name).name.startswith("s-")]
    left += [name for name in os.listdir(root) if name.startswith(".")]
    if left:
        raise Broken(f"left over: {left}")


def expect_digest(work, root):
    got = run(root, *work.words).stdout.strip()
    if got != work.want:
        raise Broken(f"digest {got}, not {work.want}")


def or_none(call, path):
    """Of what is ours and still there."""
    try:
        return call(path)
    except OSError as e:
        if e.errno not in (errno.ENOENT, errno.ESRCH, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG):
            raise
        return None


def open_names(pid):
    """What a process has open."""
    fds = or_none(os.listdir, f"/proc/{pid}/fd") or []
    return filter(None, (or_none(os.readlink, f"/proc/{pid}/fd/{fd}") for fd in fds))


def users_of(root):
    """Processes that have something of the store open: what a build leaves to run behind it, too."""
    return [pid for pid in filter(str.isdigit, os.listdir("/proc"))
            if any(name == str(root) or name.startswith(f"{root}/") for name in open_names(pid))]


class Work:
    """One command whose every call may fail, on a store made anew for each."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.template = folder / "template"
        self.words = ()
        self.want = ""

    def fresh(self, name):
        root = self.folder / name
        shutil.rmtree(root, ignore_errors=True)
        if self.template.exists():
            wait_until(lambda: not users_of(self.template), f"nobody uses {self.template}")
            subprocess.run(["cp", "-a", "--reflink=auto", self.template, root], check=True)
        return root

    def expect_result(self, root):
        expect_digest(self, root)


def build_work(folder):
    work = Work("build", folder)
    make_base(work.template, folder)
    for derived in ("snapshots", "tocs"):
        shutil.rmtree(work.template / derived, ignore_errors=True)
    context = folder / "context"
    context.mkdir()
    (context / "f").write_text("f" * 100_000)
    (context / "Dockerfile").write_text("FROM base:1\nCOPY f /f\nRUN echo run >/g && mkdir /d && echo x >/d/x\n"
                                        "RUN --mount=type=cache,target=/c echo c >>/c/log && rm /f\nWORKDIR /w\n")
    work.words = ("build", "--network", "none", "-q", "-t", "result:1", "-t", "result:2", context)
    work.want = run(work.fresh("wanted"), *work.words).stdout.strip()
    return work


def pull_work(folder):
    work = Work("pull", folder)
    source = folder / "source"
    make_base(source, folder)
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM base:1\nCOPY f /f\nCOPY f /g\n")
    (context / "f").write_bytes(hashlib.shake_256(b"f").digest(300_000))
    run(source, "build", "-q", "-t", "origin:1", context)
    run(source, "save", "--format", "oci-dir", "-o", folder / "layout", "origin:1")
    work.registry = Registry(folder / "layout")
    work.words = ("pull", "-q", f"{work.registry.host}/origin:1")
    work.want = run(work.fresh("wanted"), *work.words).stdout.strip()
    return work


def save_work(folder):
    work = Work("save", folder)
    make_base(work.template, folder)
    archive = folder / "saved.tar"
    work.words = ("save", "-o", archive, "base:1")
    run(work.fresh("wanted"), *work.words)
    want = archive.read_bytes()

    def expect_result(root):
        archive.unlink(missing_ok=True)
        run(root, *work.words)
        if archive.read_bytes() != want:
            raise Broken("another archive")
        if left := [path.name for path in folder.glob("saved*") if path != archive]:
            raise Broken(f"left beside the archive: {left}")

    work.expect_result = expect_result
    return work


def load_work(folder):
    work = Work("load", folder)
    source = folder / "source"
    make_base(source, folder)
    run(source, "save", "-o", folder / "base.tar", "base:1")
    work.words = ("load", "-q", "-i", folder / "base.tar")
    work.want = run(work.fresh("wanted"), *work.words).stdout.strip()
    return work


def prune_work(folder):
    """What is pruned differs from try to try; what stays does not."""
    build = build_work(folder)
    work = Work("prune", folder)
    work.template = folder / "built"
    build.fresh("built")
    run(work.template, *build.words)
    run(work.template, "build", "--network", "none", "-q", "--no-cache", "--build-arg", "x=1", build.words[-1])
    run(work.template, "rmi", "result:2")
    work.words = ("prune", "--cache")

    def expect_result(root):
        run(root, *work.words)
        got = run(root, "inspect", "-f", "{{.Id}}", "result:1").stdout.strip()
        said = run(root, "run", "--rm", "--network", "none", "result:1", "cat", "/g").stdout
        if (got, said) != (build.want, "run\n"):
            raise Broken(f"result:1 is {got}, says {said!r}")
        expect_digest(build, root)

    work.want, work.expect_result = None, expect_result
    return work


def run_work(folder):
    work = Work("run", folder)
    make_base(work.template, folder)
    work.words = ("run", "--rm", "--network", "none", "-v", "kept:/kept", "base:1", "sh", "-c", "echo x >/kept/x; cat /kept/x")
    work.want = run(work.fresh("wanted"), *work.words).stdout.strip()
    return work


WORKS = {"build": build_work, "pull": pull_work, "save": save_work, "load": load_work, "prune": prune_work, "run": run_work}


class Sweep:
    """Every `stride`-th call of a work, with one fault."""

    def __init__(self, work, log):
        self.work, self.log, self.failures, self.points = work, log, [], 0
        self.mounts = mounts()

    def trace(self, root, at, action):
        report = self.work.folder / f"report-{root.name}"
        done = run(root, *self.work.words, check=False, prefix=(INJECTOR, report, str(at), action))
        pid, count, hit, *left = report.read_text().split()
        return done, int(pid), int(count), hit, left

    def is_wanted(self, done):
        return self.work.want is None or done.stdout.strip() == self.work.want

    def count(self):
        root = self.work.fresh("counted")
        done, _, count, _, _ = self.trace(root, 0, "kill")
        if done.returncode != 0 or not self.is_wanted(done):
            raise Broken(f"under the tracer, unharmed: {done.stderr}")
        return count

    def point(self, at, action):
        root = self.work.fresh(f"{action}-{at}")
        done, pid, count, hit, left = self.trace(root, at, action)
        try:
            if left:
                raise Broken(f"processes left over: {left}")
            if done.returncode == 0 and not self.is_wanted(done):
                raise Broken(f"succeeds with {done.stdout}")
            # What kills all that `run` started kills the container's program: its exit code is that.
            killed = action in ("kill", "kill-main") or (action == "kill-rest" and self.work.name == "run")
            if done.returncode >= 128 and not killed:
                raise Broken(f"dies with signal {done.returncode - 128}: {done.stderr}")
            expect_whole(root)
            self.work.expect_result(root)
            expect_whole(root)
            expect_nothing_left(root)
            if left := {mount for mount in mounts() - self.mounts if str(root) in mount}:
                raise Broken(f"mounts left over: {left}")
            if left := cgroups_of(pid):
                raise Broken(f"cgroups left over: {left}")
        except (Broken, subprocess.TimeoutExpired) as broken:
            self.failures.append(f"{self.work.name}: {action} at call {at} ({hit}): {broken}\n"
                                 f"    it said: {done.returncode} {done.stderr.strip()[-700:]}")
            print(self.failures[-1], file=self.log, flush=True)
        finally:
            self.points += 1
            shutil.rmtree(root, ignore_errors=True)
        return count

    def all(self, action, first, stride):
        last = self.count()
        at = first
        while at <= last:
            last = max(last, min(self.point(at, action), last + stride))
            at += stride


ACTIONS = {"kill": "kill", "kill-main": "kill-main", "kill-rest": "kill-rest", "EIO": str(errno.EIO), "ENOSPC": str(errno.ENOSPC),
           "EMFILE": str(errno.EMFILE), "ENOMEM": str(errno.ENOMEM), "EDQUOT": str(errno.EDQUOT), "EINTR": str(errno.EINTR)}


def temp_folder():
    return tempfile.TemporaryDirectory(prefix="imgb-faults-")
