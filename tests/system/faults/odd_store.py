"""A store in which something is missing, empty, cut, foreign, of another version or in the way. What is derived heals by
itself: the next build gives the same image. What is not says by name what is wrong and what to do, and does so."""
import os
import pathlib
import shutil
import sys

from faults import Broken, build_work, expect_nothing_left, expect_whole, run, temp_folder

ALL = "--all" in sys.argv  # else a sample

# Derived: whatever becomes of it, nobody notices but by the time it takes.
DERIVED = ("cache.db", "cache.db-wal", "boot", "lock", "index.lock", "blobs.lock", "collect.lock", "cache.lock", "tocs",
           "snapshots", "ingest", "leases", "cache-mounts", "snapshots/locks", "snapshots/mount-points",
           "snapshots/settle.lock", "tocs/*", "snapshots/*.ok", "snapshots/??????", "cache-mounts/*.lock")


def places(root, pattern):
    return list(root.glob(pattern)) if set(pattern) & set("*?") else [root / pattern]


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        path.unlink()


def missing(path):
    remove(path)


def empty(path):
    remove(path)
    path.write_bytes(b"")


def garbage(path):
    remove(path)
    path.write_bytes(b"\0garbage\xff" * 2000)


def cut(path):
    if path.is_file() and path.stat().st_size > 1:
        os.truncate(path, path.stat().st_size // 2)


def folder(path):
    remove(path)
    (path / "in-the-way").mkdir(parents=True)


def nowhere(path):
    remove(path)
    path.symlink_to("/nowhere/at/all")


# Only where something stands that no imgb puts there: then it is named, and imgb goes on when it is gone.
def expect_told(root, pattern, done):
    wrong_type = ("Is a directory", "Not a directory", "Too many levels of symbolic links", "not a regular file")
    in_the_way = [path for path in places(root, pattern) if str(path) in done.stderr]
    if done.returncode != 1 or not in_the_way or not any(words in done.stderr for words in wrong_type):
        raise Broken(f"{done.returncode} {done.stdout}{done.stderr}")
    if "hint: " not in done.stderr:
        raise Broken(f"does not say what to do: {done.stderr}")
    for path in in_the_way:
        remove(path)


WAYS = (missing, empty, garbage, cut, folder, nowhere)


def main():
    with temp_folder() as place:
        work = build_work(pathlib.Path(place))
        whole = work.fresh("whole")
        run(whole, *work.words)
        broken = []
        tried = 0
        for number, pattern in enumerate(DERIVED):
            for way in WAYS if ALL else [WAYS[(number + i) % len(WAYS)] for i in (0, 2)]:
                tried += 1
                work.template = whole
                root = work.fresh(f"odd-{len(pattern)}-{way.__name__}-{pattern.replace('/', '-')}")
                for path in places(root, pattern):
                    way(path)
                done = run(root, *work.words, check=False)
                try:
                    if done.returncode != 0:
                        expect_told(root, pattern, done)
                    elif done.stdout.strip() != work.want:
                        raise Broken(f"{done.returncode} {done.stdout}{done.stderr}")
                    pruned = run(root, "prune", check=False)
                    if pruned.returncode != 0:
                        expect_told(root, pattern, pruned)
                    for left in root.glob("*/in-the-way"):
                        left.rmdir()
                    work.expect_result(root)
                    expect_whole(root)
                    expect_nothing_left(root)
                except Broken as e:
                    broken.append(f"{pattern} {way.__name__}: {e}")
                    print(broken[-1], flush=True)
        if broken:
            raise Broken(f"{len(broken)} of {tried}")
        print(f"{tried} odd stores: whole again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
