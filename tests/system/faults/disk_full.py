"""A build and a pull on disks of five sizes that are too small, on disks with too few inodes, tmpfs and ext4, and below a
limit on the size of files: an error that names the folder and says what there is too little of, nothing left over, and
once there is room the same command works."""
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys

from faults import Broken, build_work, expect_nothing_left, expect_whole, in_own_mounts, mounts, pull_work, run, temp_folder

RESERVE_BYTES = 256 << 20  # that unpacking leaves free
PLENTY_BYTES = 1 << 30


@dataclasses.dataclass
class Disk:
    kind: str
    size: int = PLENTY_BYTES
    inodes: int = 0  # as many as there are by default

    def __str__(self):
        return f"{self.kind} of {self.size} bytes" + (f" and {self.inodes} inodes" if self.inodes else "")

    def mount(self, where):
        if self.kind == "tmpfs":
            options = f"size={self.size},nr_inodes={self.inodes or 0}"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", where], check=True)
            return
        image = where.with_suffix(".img")
        with open(image, "wb") as file:
            file.truncate(self.size + (2 << 20))  # its own tables
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-N", "400", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, where], check=True)
        for number in range(os.statvfs(where).f_favail - self.inodes if self.inodes else 0):
            (where / f"filler-{number}").touch()


def disk_bytes(folder):
    return int(subprocess.run(["du", "-s", "--block-size=1", folder], check=True, capture_output=True).stdout.split()[0])


def inodes_of(folder):
    return 1 + sum(1 for _ in folder.rglob("*")) if folder.exists() else 0


def too_small(work, kind):
    """Beside the template: shares of what the work needs, without room for the reserve and with it; then of inodes."""
    start = disk_bytes(work.template) if work.template.exists() else 0
    needed = disk_bytes(work.folder / "wanted") - start
    for size in [int(needed * share) for share in (0.05, 0.4, 0.8)] + [RESERVE_BYTES, RESERVE_BYTES + needed // 2]:
        yield Disk(kind, start + size)
    first = inodes_of(work.template)
    needed = inodes_of(work.folder / "wanted") - first
    for share in (0.2, 0.6, 0.9):
        yield Disk(kind, inodes=first + int(needed * share) + 1)


def try_disk(work, disk):
    where = work.folder / f"disk-{disk.kind}-{disk.size}-{disk.inodes}"
    where.mkdir()
    disk.mount(where)
    try:
        root = where / "store"
        if work.template.exists():
            shutil.copytree(work.template, root, symlinks=True)
        done = run(root, *work.words, check=False)
        if done.returncode == 0:
            return False
        said = done.stderr
        if done.returncode != 1 or "o space left" not in said and "free" not in said:
            raise Broken(f"exit code {done.returncode}, no word of space: {said}")
        if disk.inodes and "inodes" not in said:
            raise Broken(f"no word of inodes: {said}")
        if str(where) not in said:
            raise Broken(f"does not name the folder: {said}")
        if not disk.inodes:  # a store that was not even made cannot be looked at then
            expect_whole(root)
        # tmpfs gets room by growing; of the other the store goes to a larger disk.
        if disk.kind == "tmpfs":
            subprocess.run(["mount", "-o", f"remount,size={PLENTY_BYTES},nr_inodes=0", where], check=True)
        else:
            moved = work.folder / "moved"
            shutil.rmtree(moved, ignore_errors=True)
            shutil.copytree(root, moved, symlinks=True)
            root = moved
        work.expect_result(root)
        expect_whole(root)
        expect_nothing_left(root)
        return True
    except Broken as broken:
        raise Broken(f"{work.name}, {disk}: {broken}") from broken
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def free_on_full_disk(work):
    """A disk without a free byte or inode: what needs no room works, and prune makes some."""
    where = work.folder / "full"
    where.mkdir()
    Disk("tmpfs", inodes=100_000).mount(where)
    try:
        root = where / "store"
        subprocess.run(["cp", "-a", work.folder / "wanted", root], check=True)
        left = os.statvfs(where)
        used = f"remount,size={(left.f_blocks - left.f_bfree) * left.f_bsize},nr_inodes={left.f_files - left.f_ffree}"
        subprocess.run(["mount", "-o", used, where], check=True)
        for verb in (["images"], ["fsck"], ["prune", "-a"], ["fsck"]):
            done = run(root, *verb, check=False)
            if done.returncode != 0:
                raise Broken(f"on a full disk {verb} exits with {done.returncode}: {done.stderr}")
        if (free := os.statvfs(where).f_ffree) < 10:
            raise Broken(f"prune freed {free} inodes: {done.stdout}")
        subprocess.run(["mount", "-o", f"remount,size={PLENTY_BYTES},nr_inodes=0", where], check=True)
        expect_nothing_left(root)
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def try_file_size(work, limit):
    """Below `ulimit -f`, which by default kills whoever goes past it."""
    root = work.fresh(f"file-size-{limit}")
    done = run(root, *work.words, check=False, prefix=("prlimit", f"--fsize={limit}"))
    try:
        if done.returncode == 0:
            return False
        if done.returncode != 1 or "File too large" not in done.stderr or "ulimit" not in done.stderr:
            raise Broken(f"exit code {done.returncode}, it said: {done.stderr}")
        expect_whole(root)
        work.expect_result(root)
        expect_nothing_left(root)
        return True
    except Broken as broken:
        raise Broken(f"{work.name}, files of {limit} bytes at most: {broken}") from broken


def main():
    in_own_mounts()
    before = mounts()
    for make in (build_work, pull_work):
        with temp_folder() as folder:
            work = make(pathlib.Path(folder))
            for kind in ("tmpfs", "ext4"):
                failed = {str(disk): try_disk(work, disk) for disk in too_small(work, kind)}
                print(f"{work.name}, {kind}: too small {sum(failed.values())} times of {len(failed)}")
                if sum(failed.values()) < 5:
                    raise Broken(f"the disks were not too small, the test tests nothing: {failed}")
            free_on_full_disk(work)
            failed = [try_file_size(work, limit) for limit in (0, 200, 20_000, 200_000)]
            print(f"{work.name}: files too small {sum(failed)} times of {len(failed)}")
            if sum(failed) < 3:
                raise Broken("no limit was too small: the test tests nothing")
    if mounts() - before:
        raise Broken(f"mounts left over: {mounts() - before}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
