"""A build and a pull with few descriptors, little address space, and in a cgroup with little memory: they succeed with the
right digest, or say what there is too little of; the store is whole, nothing is left over, and the same command works then."""
import os
import pathlib
import sys

from faults import Broken, build_work, expect_nothing_left, expect_whole, pull_work, run, temp_folder

KILLED = 128 + 9
MEBIBYTE = 1 << 20


class Cgroup:
    """Below ours, with a limit of memory; None where there is no such controller for us."""

    def __init__(self, folder, limit):
        self.folder, self.limit = folder, limit

    @staticmethod
    def find():
        lines = [line.split(":", 2) for line in open("/proc/self/cgroup").read().split()]
        for _, controllers, path in lines:
            if "memory" in controllers.split(","):
                return Cgroup.make(pathlib.Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes")
        for _, controllers, path in lines:
            folder = pathlib.Path("/sys/fs/cgroup" + path)
            if not controllers and "memory" in (folder / "cgroup.subtree_control").read_text():
                return Cgroup.make(folder, "memory.max")
        return None

    @staticmethod
    def make(parent, limit):
        folder = parent / f"few-resources-{os.getpid()}"
        folder.mkdir()
        return Cgroup(folder, limit)

    def prefix(self, size):
        (self.folder / self.limit).write_text(str(size))
        return ("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.folder)

    def close(self):
        self.folder.rmdir()


def expect_told(work, name, prefix, words, may_be_killed=False):
    """True: there was too little."""
    root = work.fresh(name.replace(" ", "-"))
    done = run(root, *work.words, check=False, prefix=prefix)
    try:
        if done.returncode == 0 and done.stdout.strip() != work.want:
            raise Broken(f"succeeds with {done.stdout}")
        told = done.returncode == 1 and any(word in done.stderr for word in words)
        killed = may_be_killed and done.returncode in (KILLED, -9)
        if done.returncode != 0 and not told and not killed:
            raise Broken(f"exit code {done.returncode}, it said: {done.stderr}")
        expect_whole(root)
        work.expect_result(root)
        expect_nothing_left(root)
        return done.returncode != 0
    except Broken as broken:
        raise Broken(f"{work.name}, {name}: {broken}") from broken


def expect_some(results, what):
    if not any(results) or all(results):
        raise Broken(f"{what}: {results}: the test tests nothing")
    print(f"{what}: too few {sum(results)} times of {len(results)}")


TOO_FEW = {
    # libcurl says of a socket that it cannot have that it could not connect.
    "descriptors": ["Too many open files", "connect"],
    # The dynamic linker's words, for what is loaded when it is needed.
    "addresses": ["memory", "failed to map"],
    "memory": ["memory"],
}


def try_all(work, cgroup):
    expect_some([expect_told(work, f"{number} descriptors", ("prlimit", f"--nofile={number}"), TOO_FEW["descriptors"])
                 for number in (4, 6, 8, 12, 16, 20, 24, 256)], f"{work.name}, descriptors")
    expect_some([expect_told(work, f"{size} MiB of addresses", ("prlimit", f"--as={size * MEBIBYTE}"), TOO_FEW["addresses"])
                 for size in (24, 48, 96, 4096)], f"{work.name}, addresses")
    if cgroup:
        expect_some([expect_told(work, f"{size} MiB", cgroup.prefix(size * MEBIBYTE), TOO_FEW["memory"], may_be_killed=True)
                     for size in (4, 16, 256)], f"{work.name}, memory")


def main():
    cgroup = Cgroup.find()
    if not cgroup:
        print("no memory controller for us here")
    for make in (build_work, pull_work):
        with temp_folder() as folder:
            try_all(make(pathlib.Path(folder)), cgroup)
    if cgroup:
        cgroup.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
