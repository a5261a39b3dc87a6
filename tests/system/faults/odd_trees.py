"""Trees that are odd in every way a file system allows: names, depth, times, holes, attributes, many links. They come out of
COPY, COPY --from, RUN, save and load, an archive and a folder as they went in; what a layer cannot hold is said."""
import hashlib
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tarfile

from faults import ENVIRONMENT, IMGB, Broken, expect_nothing_left, expect_whole, make_base, run, temp_folder

NAMES = [b"new\nline", b"\xff\xfe", b" ", b"*", b"-rf", b"back\\slash", b"tab\t", b"quo'te\"", b"[x]", b"\x1b[2J", b"#x",
         b"...", b"a:b", b"$HOME", b"%25", b".wh", b"x.wh.y", b"n" * 255, "\u00e9".encode(), "e\u0301".encode(),
         b"A", b"a", b"\x01", b"\x7f", b"~", b"{a,b}", b"end."]
LINKS = 10_000
HOLE_BYTES = 64 << 20
LAST_TIME = 9_223_372_035  # in seconds, of 64 bits of nanoseconds
# What a layer holds for it: not before 1970.
TIMES = {-315_619_200: 0, -1: 0, 0: 0, 1: 1, 4_102_444_800: 4_102_444_800, 8_999_999_999: 8_999_999_999,
         10_413_792_000: LAST_TIME, 13_569_465_600: LAST_TIME}
ANY_TIME = {"SOURCE_DATE_EPOCH": ""}  # else later ones are clamped to it


def write(path, content=b""):
    with open(path, "wb") as file:
        file.write(content)


def make_depth(root, levels, name=b"d" * 255):
    """Deeper than a path may be long, so by descriptors."""
    at = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open(b"bottom", os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=at))
    os.close(at)


def make_tree(root):
    os.makedirs(root)
    for name in NAMES:
        folder = root + b"/d-" + name[:250]
        os.mkdir(folder)
        write(folder + b"/" + name, name)
        os.symlink(name[:100] + b"/../" + name, folder + b"/l")
    make_depth(root, 14)  # 3584 bytes and what lies above
    for number, when in enumerate(TIMES):
        write(b"%s/time%d" % (root, number), b"t")
        os.utime(b"%s/time%d" % (root, number), (when, when))
    with open(root + b"/hole", "wb") as file:
        file.truncate(HOLE_BYTES)
        file.seek(HOLE_BYTES // 3)
        file.write(b"island")
    os.mkdir(root + b"/links")
    write(root + b"/links/first", b"linked")
    for number in range(LINKS):
        os.link(root + b"/links/first", b"%s/links/%05d" % (root, number))
    os.setxattr(root + b"/links/first", b"user.of.all", b"linked")
    write(root + b"/attributes", b"attributes")
    for number in range(100):
        os.setxattr(root + b"/attributes", b"user.a%02d" % number, b"\0v%d\xff" % number)
    os.setxattr(root + b"/attributes", b"user.overlay.opaque", b"y")
    os.mkfifo(root + b"/fifo")
    for mode in (0o4755, 0o2711, 0o1777, 0o000):
        write(b"%s/mode%o" % (root, mode), b"m")
        os.chmod(b"%s/mode%o" % (root, mode), mode)


def attributes_of(file):
    return tuple(sorted((key, os.getxattr(file, key, follow_symlinks=False)) for key in os.listxattr(file, follow_symlinks=False)
                        if key.startswith("user.") and not key.startswith("user.overlay.")))


def on_disk(root):
    """path -> what a user sees of it."""
    out = {}
    for folder, folders, files in os.walk(root):
        if len(folder) > 3000:
            folders[:] = []  # too deep for paths: make_depth's
            continue
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            entry = {"type": stat.S_IFMT(status.st_mode), "mode": stat.S_IMODE(status.st_mode)}
            if stat.S_ISREG(status.st_mode):
                entry |= {"time": int(status.st_mtime // 1), "links": status.st_nlink, "attributes": attributes_of(path)}
                with open(path, "rb") as file:
                    entry["content"] = hashlib.file_digest(file, "sha256").hexdigest()
            if stat.S_ISLNK(status.st_mode):
                entry["target"] = os.readlink(path)
            out[os.path.relpath(path, root)] = entry
    return out


def as_in_a_layer(entries):
    out = {name: dict(entry) for name, entry in entries.items()}
    for entry in out.values():
        if "time" in entry:
            entry["time"] = TIMES.get(entry["time"], entry["time"])
    return out


def expect_same(got, want, what):
    for name in sorted(set(got) | set(want)):
        if got.get(name) != want.get(name):
            raise Broken(f"{what}: {name[:80]!r} is {got.get(name)}, not {want.get(name)}; {len(got)} and {len(want)} entries")


def exported(root, context, target, where):
    run(root, "build", "--network", "none", "-q", "--target", target, "-o", f"type=local,dest={where}", context, env=ANY_TIME)
    return on_disk(os.fsencode(where / "t"))


def disk_bytes(path):
    return sum(file.lstat().st_blocks * 512 for file in path.rglob("hole"))


def round_trips(place):
    root, context = place / "store", place / "context"
    make_base(root, place)
    make_tree(os.fsencode(context / "tree"))
    (context / "Dockerfile").write_text(
        "FROM base:1 AS made\nCOPY tree /t\n"
        "FROM made AS ran\nRUN chmod 600 /t/time* && cat /t/hole | md5sum >/sum\n"
        "FROM base:1 AS taken\nCOPY --from=ran /t /t\nRUN mkdir /after\n")
    want = as_in_a_layer(on_disk(os.fsencode(context / "tree")))
    expect_same(exported(root, context, "made", place / "made"), want, "COPY")
    ran = {name: entry | {"mode": 0o600} if name.startswith(b"time") else entry for name, entry in want.items()}
    expect_same(exported(root, context, "ran", place / "ran"), ran, "RUN")
    expect_same(exported(root, context, "taken", place / "taken"), ran, "COPY --from")
    for where in (root / "snapshots", place / "made"):
        if disk_bytes(where) > HOLE_BYTES // 4:
            raise Broken(f"holes are filled below {where}: {disk_bytes(where)} bytes")
    run(root, "build", "--network", "none", "-q", "-t", "odd:1", context, env=ANY_TIME)
    run(root, "save", "-o", place / "odd.tar", "odd:1")
    other = place / "other"
    run(other, "load", "-q", "-i", place / "odd.tar")
    run(other, "run", "--rm", "--network", "none", "odd:1", "true")
    run(other, "export", "-o", place / "flat.tar", "odd:1")
    with tarfile.open(place / "flat.tar", encoding="utf8", errors="surrogateescape") as tar:
        names = {os.fsencode(member.name) for member in tar}
    missing = {b"t/" + name for name in ran} - names
    if missing:
        raise Broken(f"load and export lose {missing}")
    for store in (root, other):
        expect_whole(store)
        expect_nothing_left(store)


def expect_refused(root, context, words, *said):
    done = run(root, "build", "--network", "none", "-q", *words, context, check=False)
    if done.returncode != 1 or not all(one in done.stderr for one in said):
        raise Broken(f"{words}: exit code {done.returncode}, it said: {done.stderr}")


def expect_stoppable(root, context, target):
    """While a file is hashed for which that takes minutes."""
    words = [IMGB, "--root", root, "build", "--network", "none", "--progress", "plain", "--target", target, context]
    build = subprocess.Popen(words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in build.stderr:
        if "type=bind" in line:
            break
    build.send_signal(signal.SIGINT)
    said = build.communicate(timeout=10)[1]
    if build.returncode != 130:
        raise Broken(f"stopped amid a large file: {build.returncode} {said}")


def refusals(place):
    """What a layer cannot hold, or no disk: at once, by name."""
    root, context = place / "store", place / "refused"
    (context / "deep").mkdir(parents=True)
    make_depth(os.fsencode(context / "deep"), 17)
    os.makedirs(context / "huge")
    with open(context / "huge/disk.img", "wb") as file:
        file.truncate(1 << 40)
    (context / "Dockerfile").write_text(
        "FROM base:1 AS deep\nCOPY deep /t\n"
        "FROM base:1 AS huge\nCOPY huge /t\n"
        "FROM base:1 AS bound\nRUN --mount=type=bind,source=huge,target=/h true\n"
        "FROM base:1 AS made\nRUN dd if=/dev/zero of=/made bs=1M count=1 seek=2M\n"
        "FROM base:1 AS made-deep\nRUN i=0; while test $i -lt 300; do mkdir ddddddddddddddd; cd ddddddddddddddd; i=$((i+1)); done\n")
    expect_refused(root, context, ("--target", "deep"), "deep", "4095")
    expect_refused(root, context, ("--target", "huge"), "disk.img", "1.1 TB")
    expect_refused(root, context, ("--target", "made"), "/made", "2.2 TB")
    expect_refused(root, context, ("--target", "made-deep"), "4095")
    expect_stoppable(root, context, "bound")
    expect_whole(root)
    expect_nothing_left(root)


def main():
    with temp_folder() as folder:
        place = pathlib.Path(folder)
        round_trips(place)
        refusals(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
